package beacontest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"brine/beacons"
)

// checkPage sees that the reference page has something to say of everything.
func checkPage(t *testing.T, m beacons.Module) {
	for what, text := range map[string]string{"Purpose": m.Purpose, "Cost": m.Cost, "Permissions": m.Permissions, "Blind": m.Blind} {
		if text == "" {
			t.Errorf("%s is empty: the reference page shows it", what)
		} else if !strings.HasSuffix(text, ".") {
			t.Errorf("%s: %q: want whole sentences", what, text)
		}
	}
	if strings.Contains(m.Purpose, "\n") {
		t.Error("Purpose has more than one line")
	}
	if len(m.Tags) == 0 {
		t.Error("Tags is empty: which signals does it fire?")
	}
	shown := map[string]bool{}
	for _, tag := range m.Tags {
		if tag.Tail == "" || tag.When == "" || strings.HasPrefix(tag.Tail, "/") {
			t.Errorf("tag %q, %q: want a tail, and when it is fired", tag.Tail, tag.When)
		}
		if got, want := reflect.TypeOf(tag.Data), reflect.TypeOf(m.Data); got != want {
			t.Errorf("tag %q: the example is a %v; want a %v", tag.Tail, got, want)
			continue
		}
		if _, err := json.Marshal(tag.Data); err != nil {
			t.Errorf("tag %q: %v", tag.Tail, err)
		}
		collect(reflect.ValueOf(tag.Data), "", shown)
	}
	for _, name := range dataFields(reflect.TypeOf(m.Data), "", nil) {
		if !shown[name] {
			t.Errorf("no example in Tags sets %q: every field of the data needs one", name)
		}
	}
}

// collect notes which fields of an example are set, by their path.
func collect(v reflect.Value, path string, shown map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collect(v.Elem(), path, shown)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), path, shown)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			name := path + jsonName(v.Type().Field(i))
			if !f.IsZero() {
				shown[name] = true
			}
			collect(f, name+".", shown)
		}
	}
}

// dataFields lists the fields of the data, by their path. A struct that holds itself is listed once.
func dataFields(t reflect.Type, path string, above []reflect.Type) (names []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() == "time" {
		return nil
	}
	for _, a := range above {
		if a == t {
			return nil
		}
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type.Kind() == reflect.Bool {
			continue // false is an example too
		}
		names = append(names, path+jsonName(f))
		names = append(names, dataFields(f.Type, path+jsonName(f)+".", append(above, t))...)
	}
	return names
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
