package doctest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"brine/internal/action"
	actionlist "brine/internal/action/all"
	"brine/reactors"
)

func actionPage(t *testing.T, m action.Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The action %s\n\n%s", m.Name, made)
	p := packageAt(t, "internal/action/"+folderOf(m))
	b.WriteString(prose(p.Doc))
	fmt.Fprintf(&b, "A test loads this sample.\n\n```yaml\n%s```\n\n## Arguments\n\n", m.Sample)
	if m.Short != "" {
		fmt.Fprintf(&b, "A step that gives no map gives `%s` alone.\n\n", m.Short)
	}
	b.WriteString("| argument | type | default | meaning |\n|---|---|---|---|\n")
	argumentTable(t, &b, m.Name, reflect.ValueOf(m.Args()).Elem(), "")
	b.WriteString("\n")
	for _, c := range p.Consts {
		if !strings.HasPrefix(c.Doc, "The values of ") {
			continue
		}
		fmt.Fprintf(&b, "%s:\n\n", strings.TrimSuffix(oneLine(strings.ReplaceAll(c.Doc, "Args.", "")), "."))
		for _, v := range constValues(c.Decl) {
			fmt.Fprintf(&b, "- `%s`%s\n", v.value, dash(v.text))
		}
		b.WriteString("\n")
	}
	if len(m.Fixed) > 0 {
		fmt.Fprintf(&b, "No template may stand in %s.\n\n", "`"+strings.Join(m.Fixed, "`, `")+"`")
	}
	switch {
	case m.OnMinion:
		b.WriteString("Minions carry it out: the one that fired the event, or those that `tgt` says.\n")
	default:
		b.WriteString("The master carries it out.\n")
	}
	return finish(&b)
}

// folderOf is where the code of an action is: what follows the dot of its name.
func folderOf(m action.Module) string { return m.Name[strings.LastIndex(m.Name, ".")+1:] }

// argumentTable has a line for each key, those within others by their way.
func argumentTable(t *testing.T, b *strings.Builder, of string, v reflect.Value, prefix string) {
	for _, f := range fieldsOf(t, v, "yaml") {
		name, value := prefix+f.name, f.value
		if value.Kind() == reflect.Pointer && value.Type().Elem().Kind() == reflect.Struct {
			value = reflect.New(value.Type().Elem()).Elem()
		}
		if value.Kind() == reflect.Struct && len(fieldsOf(t, value, "yaml")) > 0 {
			argumentTable(t, b, of, value, name+".")
			continue
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, optionType(f.typ), defaultText(f.value), cell(explain(t, of+" "+name, f.text)))
	}
}

func TestActionSamples(t *testing.T) {
	for _, m := range actionlist.List() {
		loadRules(t, []reactors.Source{{Name: m.Name + ": sample.yaml", Text: []byte(m.Sample)}}, nil)
		if !strings.Contains(m.Sample, m.Name+":") {
			t.Errorf("the sample of %s does not have it", m.Name)
		}
	}
}
