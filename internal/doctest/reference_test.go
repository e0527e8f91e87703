package doctest

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	beaconlist "brine/beacons/all"
	actionlist "brine/internal/action/all"
	"brine/internal/config"
	"brine/internal/master"
	"brine/internal/minion"
	statelist "brine/states/all"
)

var update = flag.Bool("update", false, "write the pages of the reference that are made from the code")

// made is the second line of every page that is made from the code.
const made = "*This page is made from the code by `go generate ./internal/doctest`.*\n\n"

func TestReference(t *testing.T) {
	pages := map[string]string{
		"configuration.md":  configurationPage(t),
		"commands.md":       commandsPage(t),
		"rules.schema.json": schemaPage(t),
	}
	for _, m := range beaconlist.List() {
		pages["beacons/"+m.Name+".md"] = beaconPage(t, m)
	}
	for _, m := range statelist.List() {
		pages["states/"+m.Name+".md"] = statePage(t, m)
	}
	for _, m := range actionlist.List() {
		pages["actions/"+m.Name+".md"] = actionPage(t, m)
	}
	for name, want := range pages {
		path := filepath.Join(root, "docs/reference", name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Error(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("docs/reference/%s is not what the code says: run go generate ./internal/doctest (%v)\n%s", name, err, firstDifference(string(got), want))
		}
	}
	for _, folder := range []string{"beacons", "states", "actions"} {
		found, err := filepath.Glob(filepath.Join(root, "docs/reference", folder, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if _, ok := pages[folder+"/"+filepath.Base(path)]; !ok {
				t.Errorf("docs/reference/%s/%s describes a module that there is not", folder, filepath.Base(path))
			}
		}
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d:\n  is      %q\n  wanted  %q", i+1, at(a, i), at(b, i))
		}
	}
	return ""
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// structTables writes a table of a struct's fields, and then those of the structs in it.
func structTables(t *testing.T, b *strings.Builder, typ reflect.Type, seen map[reflect.Type]bool) {
	seen[typ] = true
	var below []reflect.Type
	b.WriteString("| field | type | meaning |\n|---|---|---|\n")
	for _, f := range fieldsOf(t, reflect.Zero(typ), "json") {
		inner := f.typ
		if inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && strings.HasPrefix(inner.PkgPath(), "brine/") && !seen[inner] && len(fieldsOf(t, reflect.Zero(inner), "json")) > 0 {
			below = append(below, inner)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.name, typeText(f.typ), cell(cmp.Or(f.text, words["data "+f.name])))
	}
	b.WriteString("\n")
	for _, typ := range below {
		if seen[typ] {
			continue
		}
		fmt.Fprintf(b, "### %s\n\n%s", strings.ToLower(typ.Name()), prose(about(typ.Name(), typeDoc(t, typ))))
		structTables(t, b, typ, seen)
	}
}

// typeText names a Go type as somebody who writes rules or YAML sees it.
func typeText(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return typeText(t.Elem()) + " or null"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[config.Size]():
		return "size"
	case t == reflect.TypeFor[config.Strings]():
		return "text, or a list of them"
	case t == reflect.TypeFor[master.BlastRadius]():
		return "share/time"
	case t == reflect.TypeFor[[]master.Maintenance]():
		return "list of maps"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "yes or no"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "number"
	case reflect.Float32, reflect.Float64:
		return "number, perhaps with a fraction"
	case reflect.Slice:
		return "list of " + typeText(t.Elem())
	case reflect.Map:
		return "map"
	case reflect.Interface:
		return "anything"
	}
	return strings.ToLower(t.Name())
}

func configurationPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Configuration\n\n" + made + read(t, "internal/doctest/testdata/configuration.md") + "\n")
	m, n := master.DefaultConfig(), minion.DefaultConfig()
	n.ID = "" // the host's own
	b.WriteString("## master.yaml\n\n")
	optionTable(t, &b, "master", reflect.ValueOf(m), "", false)
	b.WriteString("## minion.yaml\n\n")
	optionTable(t, &b, "minion", reflect.ValueOf(n), "", false)
	return finish(&b)
}

func optionTable(t *testing.T, b *strings.Builder, of string, v reflect.Value, prefix string, live bool) {
	if prefix == "" {
		b.WriteString("| option | type | default | in force | meaning |\n|---|---|---|---|---|\n")
	}
	for _, f := range fieldsOf(t, v, "yaml") {
		name := prefix + f.name
		if f.typ.Kind() == reflect.Struct && len(fieldsOf(t, f.value, "yaml")) > 0 {
			optionTable(t, b, of, f.value, name+".", f.live)
			continue
		}
		when := "at the next start"
		if live || f.live {
			when = "at once"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", name, optionType(f.typ), defaultText(f.value), when, cell(explain(t, of+" "+name, f.text)))
	}
	if prefix == "" {
		b.WriteString("\n")
	}
}

func optionType(t reflect.Type) string {
	if t == reflect.TypeFor[*config.Node]() {
		return "map"
	}
	return typeText(t)
}

func defaultText(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		if x%(24*time.Hour) == 0 {
			return fmt.Sprintf("`%dd`", x/(24*time.Hour))
		}
		return "`" + x.String() + "`"
	case fmt.Stringer:
		return "`" + x.String() + "`"
	case []string:
		return "`[" + strings.Join(quoted(x), ", ") + "]`"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

// quoted is a list as YAML wants it.
func quoted(list []string) []string {
	out := slices.Clone(list)
	for i, s := range out {
		if strings.ContainsAny(s, "*!") {
			out[i] = "'" + s + "'"
		}
	}
	return out
}

// explain is what a name means: what the code says behind it, or else the list of words. key is "of name".
func explain(t *testing.T, key, fromCode string) string {
	t.Helper()
	of, name, _ := strings.Cut(key, " ")
	module, _, _ := strings.Cut(of, ".")
	for _, k := range []string{key, module + ".* " + name} {
		if text, ok := words[k]; ok {
			return text
		}
	}
	if fromCode == "" {
		t.Errorf("%s is explained nowhere: comment the field in the code, or add it to words in internal/doctest", key)
	}
	return fromCode
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func dash(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

func finish(b *strings.Builder) string { return strings.TrimRight(b.String(), "\n") + "\n" }
