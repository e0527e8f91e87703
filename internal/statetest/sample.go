package statetest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"brine/internal/config"
	"brine/internal/event"
	"brine/states"
)

func checkModule(t *testing.T, m states.Module, cases []Case) {
	for fun, newState := range m.Functions {
		s := newState()
		v := reflect.ValueOf(s)
		if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
			t.Errorf("%s.%s is a %T; want a pointer to a struct", m.Name, fun, s)
			continue
		}
		if v.Elem().NumField() > 0 && newState() == s {
			t.Errorf("%s.%s is the same state each time", m.Name, fun)
		}
		if _, named := fieldNamed(v.Elem(), "name"); !named {
			t.Errorf("%s.%s has no field tagged name", m.Name, fun)
		}
		checkTags(t, m.Name+"."+fun, v.Elem().Type())
		differs := false
		for _, c := range cases {
			differs = differs || c.Fun == fun && !c.Right && c.Err == ""
		}
		if !differs {
			t.Errorf("%s.%s has no case in which something differs", m.Name, fun)
		}
	}
}

// checkTags: what the master reads as YAML it sends as CBOR under the same names.
func checkTags(t *testing.T, fun string, typ reflect.Type) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		if !f.IsExported() {
			continue
		}
		y, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		j, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if y == "" || y != j {
			t.Errorf("%s: field %s is %q in YAML and %q on the wire", fun, f.Name, y, j)
		}
	}
}

// general are the keys that belong to every state and to no module.
var general = []string{"require", "enforce"}

// checkSample reads the sample as the master would, sends each state over the wire, and validates it.
func checkSample(t *testing.T, m states.Module) {
	root, faults := config.Parse("sample.sls", []byte(m.Sample))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, id := range root.Pairs() {
		for _, decl := range id.Value.Pairs() {
			module, fun, _ := strings.Cut(decl.Key.Text(), ".")
			newState, ok := m.Functions[fun]
			if module != m.Name || !ok {
				t.Errorf("%v", decl.Key.Fault("the module has no such function"))
				continue
			}
			shown[fun] = true
			s := newState()
			if err := Fill(s, id.Key.Text(), decl.Value); err != nil {
				t.Error(err)
				continue
			}
			if err := s.Validate(); err != nil {
				t.Errorf("%v", decl.Key.Fault("%v", err))
			}
			roundTrip(t, s, newState())
		}
	}
	for fun := range m.Functions {
		if !shown[fun] {
			t.Errorf("the sample does not show %s.%s", m.Name, fun)
		}
	}
}

// Fill decodes the arguments of a declaration, in Salt's list form or as a map, field by field.
func Fill(s states.State, id string, args *config.Node) error {
	v := reflect.ValueOf(s).Elem()
	if name, ok := fieldNamed(v, "name"); ok {
		name.SetString(id)
	}
	pairs := args.Pairs()
	for _, item := range args.Items() {
		pairs = append(pairs, item.Pairs()...)
	}
	var faults config.Faults
	for _, p := range pairs {
		if isGeneral(p.Key.Text()) {
			continue
		}
		f, ok := fieldNamed(v, p.Key.Text())
		if !ok {
			faults = append(faults, p.Key.Fault("unknown argument %q", p.Key.Text()))
			continue
		}
		faults = append(faults, p.Value.Decode(f.Addr().Interface())...)
	}
	return faults.Err()
}

func isGeneral(key string) bool {
	for _, g := range general {
		if key == g {
			return true
		}
	}
	return false
}

func fieldNamed(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); tag == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func roundTrip(t *testing.T, s, back states.State) {
	t.Helper()
	data, err := event.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.Decode(back); err != nil {
		t.Fatal(err)
	}
	unexported := cmpopts.IgnoreUnexported(reflect.ValueOf(s).Elem().Interface())
	if d := cmp.Diff(s, back, unexported); d != "" {
		t.Errorf("%T is another one after the wire:\n%s", s, d)
	}
}
