package config

import (
	"errors"
	"reflect"
	"strings"
)

// field is one that the file may set.
type field struct {
	name     string
	required bool
	rest     bool // a map that takes every key which no other field names
	index    []int
}

// fields lists what a struct takes, embedded structs included.
func fields(t reflect.Type, at []int) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), at...), i)
		tag, tagged := f.Tag.Lookup("yaml")
		name, opts, _ := strings.Cut(tag, ",")
		switch {
		case name == "-":
		case name == "" && f.Type.Kind() == reflect.Struct && (f.Anonymous && !tagged || opts == "inline"):
			out = append(out, fields(f.Type, index)...)
		case name == "" && opts == "rest" && f.Type.Kind() == reflect.Map:
			out = append(out, field{rest: true, index: index})
		case name != "" && f.IsExported():
			out = append(out, field{name: name, required: opts == "required", index: index})
		}
	}
	return out
}

func decodeStruct(n *Node, v reflect.Value) Faults {
	if n.Kind() != Map && n.Kind() != Null {
		return Faults{n.Fault("want a map, not %s", describe(n))}
	}
	var known []field
	var rest reflect.Value
	byName := map[string]field{}
	for _, f := range fields(v.Type(), nil) {
		if f.rest {
			rest = v.FieldByIndex(f.index)
			continue
		}
		known = append(known, f)
		byName[f.name] = f
	}
	var faults Faults
	others := reflect.Value{}
	for _, p := range n.Pairs() {
		f, ok := byName[p.Key.text]
		switch {
		case ok:
			faults = append(faults, decode(p.Value, v.FieldByIndex(f.index))...)
		case rest.IsValid() && p.Value.Kind() != Scalar: // a scalar is a misspelt option: what is named freely has options of its own
			others = decodeEntry(p, rest, others, &faults)
		default:
			faults = append(faults, unknownKey(p.Key, known))
		}
	}
	if others.IsValid() {
		rest.Set(others)
	}
	for _, f := range known {
		if f.required && n.Get(f.name).Kind() == Null {
			at := n
			if k := n.Key(f.name); k != nil {
				at = k
			}
			faults = append(faults, at.Fault("%q is required", f.name))
		}
	}
	return faults
}

// decodeEntry puts one pair into a copy of a map, so that a shared default is never written: what the file names takes the place of all
// defaults, and begins with none: half of one default and half of another limit make no sense.
func decodeEntry(p Pair, dst, into reflect.Value, faults *Faults) reflect.Value {
	if !into.IsValid() {
		into = reflect.MakeMap(dst.Type())
	}
	value := reflect.New(dst.Type().Elem()).Elem()
	*faults = append(*faults, decode(p.Value, value)...)
	into.SetMapIndex(reflect.ValueOf(p.Key.text), value)
	return into
}

func unknownKey(key *Node, known []field) Fault {
	names := make([]string, 0, len(known))
	for _, f := range known {
		names = append(names, f.name)
	}
	return UnknownKey(key, names)
}

// UnknownKey is the fault for a key that is none of the known ones: its hint names the nearest, or else all of them.
func UnknownKey(key *Node, known []string) Fault {
	return key.Fault("unknown key %q", shorten(key.Text())).WithHint(Suggest(key.Text(), known))
}

// Suggest is a hint for a word that is none of the known ones.
func Suggest(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	const most = 12
	switch {
	case len(known) == 0:
		return ""
	case len(known) > most:
		return "known are " + strings.Join(known[:most], ", ") + " and others"
	}
	return "known: " + strings.Join(known, ", ")
}

// validationFaults places what Validate or UnmarshalText says: one fault for each joined error. Faults keep their own places.
func validationFaults(n *Node, err error) Faults {
	var own Faults
	if errors.As(err, &own) {
		return own
	}
	var one Fault
	if errors.As(err, &one) {
		return Faults{one}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var faults Faults
		for _, e := range many.Unwrap() {
			faults = append(faults, validationFaults(n, e)...)
		}
		return faults
	}
	at := n
	if word := strings.Trim(firstWord(err.Error()), `"'`+"`:,"); word != "" && n.Get(word) != nil {
		at = n.Get(word)
	}
	return Faults{at.Fault("%s", err)}
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}
