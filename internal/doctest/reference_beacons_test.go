package doctest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"brine/beacons"
)

func beaconPage(t *testing.T, m beacons.Module) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The beacon %s\n\n%s%s\n\n", m.Name, made, m.Purpose)
	p := packageAt(t, "beacons/"+m.Name)
	if rest := prose(p.Doc); strings.Contains(rest, "\n\n") {
		_, rest, _ = strings.Cut(rest, "\n\n") // the first paragraph says what the purpose says
		b.WriteString(rest)
	}
	for _, part := range []struct{ title, text string }{
		{"Cost", m.Cost}, {"Permissions", m.Permissions}, {"It cannot see", m.Blind},
	} {
		if part.text == "" {
			t.Errorf("beacons/%s: the module says nothing under %q", m.Name, part.title)
		}
		fmt.Fprintf(&b, "%s: %s\n\n", part.title, strings.ToLower(part.text[:1])+part.text[1:])
	}
	fmt.Fprintf(&b, "## Configuration\n\nA test loads this sample.\n\n```yaml\n%s```\n\n", m.Sample)
	beaconOptions(t, &b, m)
	fmt.Fprintf(&b, "## Events\n\n| tag | when |\n|---|---|\n")
	for _, tag := range m.Tags {
		fmt.Fprintf(&b, "| `brine/beacon/<minion>/%s/%s` | %s |\n", m.Name, tag.Tail, cell(tag.When))
	}
	fmt.Fprintf(&b, "\n## Data\n\nWhat its events carry, and conditions of rules see as `data`.\n\n")
	structTables(t, &b, reflect.TypeOf(m.Data), map[reflect.Type]bool{})
	for _, c := range p.Consts {
		if !strings.HasPrefix(c.Doc, "The values of ") {
			continue
		}
		fmt.Fprintf(&b, "%s\n\n", strings.TrimSuffix(oneLine(strings.ReplaceAll(c.Doc, "Data.", "data.")), ".")+":")
		for _, v := range constValues(c.Decl) {
			fmt.Fprintf(&b, "- `%s`%s\n", v.value, dash(v.text))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "## Examples\n\n")
	for _, tag := range m.Tags {
		text, err := json.MarshalIndent(tag.Data, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "`%s`: %s\n\n```json\n%s\n```\n\n", tag.Tail, tag.When, text)
	}
	return finish(&b)
}

// beaconOptions writes the tables of the module's own options, and says which common ones it has.
func beaconOptions(t *testing.T, b *strings.Builder, m beacons.Module) {
	v := reflect.ValueOf(m.Config())
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	beaconTable(t, b, m.Name, v, map[reflect.Type]bool{})
	common := "`enabled`, `onchangeonly`, `disable_during_state_run`, `beacon_module`"
	if m.AtStart {
		common += ", `emitatstartup`"
	}
	if m.Interval > 0 {
		common += fmt.Sprintf(", `interval` (%s)", durationText(m.Interval))
	}
	fmt.Fprintf(b, "And the [common options](../../beacons.md#options-of-every-beacon): %s.\n\n", common)
}

func beaconTable(t *testing.T, b *strings.Builder, name string, v reflect.Value, seen map[reflect.Type]bool) {
	typ := v.Type()
	if typ.Kind() != reflect.Struct || seen[typ] {
		return
	}
	list := fieldsOf(t, v, "yaml")
	if len(list) == 0 {
		return
	}
	seen[typ] = true
	b.WriteString("| option | type | default | meaning |\n|---|---|---|---|\n")
	var below []reflect.Value
	for _, f := range list {
		if f.text == "" {
			t.Errorf("beacons/%s: the option %s has no comment", name, f.name)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.name, beaconOptionType(f.typ), optionDefault(f.value), cell(f.text))
		if inner := innermost(f.typ); inner.Kind() == reflect.Struct && strings.HasPrefix(inner.PkgPath(), "brine/beacons/") {
			below = append(below, reflect.Zero(inner))
		}
	}
	b.WriteString("\n")
	for _, v := range below {
		if typ := v.Type(); !seen[typ] && len(fieldsOf(t, v, "yaml")) > 0 {
			fmt.Fprintf(b, "### %s\n\n%s", strings.ToLower(typ.Name()), prose(about(typ.Name(), typeDoc(t, typ))))
			beaconTable(t, b, name, v, seen)
		}
	}
}

func innermost(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

func beaconOptionType(t reflect.Type) string {
	switch {
	case innermost(t) == reflect.TypeFor[beacons.Threshold]():
		return strings.TrimPrefix(collection(t)+"[threshold](../../beacons.md#thresholds)", " ")
	case innermost(t) == reflect.TypeFor[beacons.Quantity]():
		return collection(t) + "number with its unit"
	case t.Kind() == reflect.Pointer: // nil has the default
		return typeText(t.Elem())
	case t.Kind() == reflect.Map:
		return "map of " + strings.TrimSuffix(typeText(t.Elem()), " or null")
	}
	return typeText(t)
}

func collection(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "list of "
	case reflect.Map:
		return "map of "
	}
	return ""
}

// optionDefault is what holds when the file says nothing.
func optionDefault(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		if th, ok := v.Interface().(*beacons.Threshold); ok {
			return thresholdText(th)
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Bool {
		return fmt.Sprintf("`%t`", v.Bool())
	}
	if d, ok := v.Interface().(time.Duration); ok && d > 0 {
		return "`" + durationText(d) + "`"
	}
	return defaultText(v)
}

func thresholdText(t *beacons.Threshold) string {
	if !t.On() {
		return ""
	}
	parts := []string{}
	for _, p := range []struct {
		name string
		q    *beacons.Quantity
	}{{"above", t.Above}, {"below", t.Below}} {
		if p.q != nil {
			parts = append(parts, p.name+": "+p.q.String())
		}
	}
	if t.For > 0 {
		parts = append(parts, "for: "+durationText(t.For))
	}
	if t.Clear != nil {
		parts = append(parts, "clear: "+t.Clear.String())
	}
	if t.ClearFor > 0 {
		parts = append(parts, "clear_for: "+durationText(t.ClearFor))
	}
	return "`{" + strings.Join(parts, ", ") + "}`"
}

// durationText is a duration without the zeros that Go writes: 1m, not 1m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return cmp.Or(s, "0s")
}
