package doctest

import (
	"fmt"
	"go/ast"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"brine/states"
)

func statePage(t *testing.T, m states.Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The states of %s\n\n%s", m.Name, made)
	b.WriteString(prose(packageAt(t, "states/"+m.Name).Doc))
	fmt.Fprintf(&b, "A test loads this sample.\n\n```sls\n%s```\n\n", m.Sample)
	for _, name := range slices.Sorted(maps.Keys(m.Functions)) {
		fun := m.Name + "." + name
		v := reflect.ValueOf(m.Functions[name]()).Elem()
		fmt.Fprintf(&b, "## %s\n\n%s", fun, prose(about(v.Type().Name(), typeDoc(t, v.Type()))))
		b.WriteString("| argument | type | meaning |\n|---|---|---|\n")
		for _, f := range fieldsOf(t, v, "yaml") {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, argumentType(f.typ), cell(explain(t, fun+" "+f.name, f.text)))
		}
		b.WriteString("\n")
	}
	b.WriteString("Every state also takes `names`, `require` and `require_in`: see [state files](../../states.md).\n")
	return finish(&b)
}

func argumentType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[states.Source]():
		return "address"
	case t.Name() == "Text":
		return "text, or a list of lines"
	}
	return typeText(t)
}

// topic is a line that begins a paragraph of its own: "Cost: ...".
var topic = regexp.MustCompile(`\n([A-Z][a-z ]{3,20}: )`)

// prose writes a Go comment as Markdown: its paragraphs, without what only programmers ask.
func prose(comment string) string {
	var out strings.Builder
	comment = topic.ReplaceAllString(strings.TrimSpace(comment), "\n\n$1")
	for _, par := range strings.Split(comment, "\n\n") {
		par = oneLine(par)
		if rest, ok := strings.CutPrefix(par, "Package "); ok {
			_, rest, _ = strings.Cut(rest, " ")
			rest = strings.TrimPrefix(strings.TrimPrefix(rest, "is "), "holds ")
			par = strings.ToUpper(rest[:1]) + rest[1:]
			par, _, _ = strings.Cut(par, " It owns ")
			par, _, _ = strings.Cut(par, " One function has one file here.")
		}
		if par != "" {
			out.WriteString(par + "\n\n")
		}
	}
	return out.String()
}

// about turns "Managed is file.managed: a file ..." into the sentence alone.
func about(name, comment string) string {
	rest, ok := strings.CutPrefix(comment, name+" is ")
	if !ok {
		return comment
	}
	if _, after, colon := strings.Cut(rest, ": "); colon && !strings.Contains(rest[:len(rest)-len(after)], ".\n") {
		rest = after
	}
	return strings.ToUpper(rest[:1]) + rest[1:]
}

type constValue struct{ value, text string }

// constValues are the texts of a group of constants, with their comments.
func constValues(d *ast.GenDecl) []constValue {
	var list []constValue
	for _, spec := range d.Specs {
		vs, ok := spec.(*ast.ValueSpec)
		if !ok || len(vs.Values) != 1 {
			continue
		}
		lit, ok := vs.Values[0].(*ast.BasicLit)
		if !ok {
			continue
		}
		value, err := strconv.Unquote(lit.Value)
		if err != nil {
			continue
		}
		text := vs.Doc.Text()
		if text == "" {
			text = vs.Comment.Text()
		}
		list = append(list, constValue{value, oneLine(text)})
	}
	return list
}

// exitCodes are constants that are numbers; what has no comment is told by its name.
func exitCodes(d *ast.GenDecl) []constValue {
	var list []constValue
	for _, spec := range d.Specs {
		vs, ok := spec.(*ast.ValueSpec)
		if !ok || len(vs.Values) != 1 {
			continue
		}
		lit, ok := vs.Values[0].(*ast.BasicLit)
		if !ok {
			continue
		}
		text := oneLine(vs.Comment.Text())
		if text == "" {
			text = "it was asked to stop, and did"
		}
		list = append(list, constValue{lit.Value, text})
	}
	return list
}
