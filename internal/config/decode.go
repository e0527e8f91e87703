package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// Unmarshaler is implemented by a type, through its pointer, that decodes itself.
type Unmarshaler interface{ DecodeNode(*Node) Faults }

// validator is asked once a value is filled without a fault.
type validator interface{ Validate() error }

var (
	nodeType      = reflect.TypeFor[*Node]()
	durationType  = reflect.TypeFor[time.Duration]()
	textType      = reflect.TypeFor[encoding.TextUnmarshaler]()
	unmarshalType = reflect.TypeFor[Unmarshaler]()
	validatorType = reflect.TypeFor[validator]()
)

// Decode fills what into points to, and gives every fault in one go.
//
// A struct takes a map; its fields are named by `yaml:"name"`, or `yaml:"name,required"`; a field without a tag is not
// the file's to set, but for an embedded struct, whose fields count as the outer one's; a map with `yaml:",rest"` takes the maps under all
// other keys. A string takes a scalar's own text, a
// time.Duration a number with its unit (ParseDuration), a slice a list or a single scalar, a map[string]T a map, an interface
// Value(), a *Node the node itself, an encoding.TextUnmarshaler a scalar's text, an Unmarshaler whatever it likes.
// A value that is there already is the default: it stays where the file says nothing, and Null says nothing. When a value was
// filled without a fault and has Validate() error, that is called; its error is placed at the key that it begins with, or at the
// whole value.
func (n *Node) Decode(into any) Faults {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic("config: Decode needs a pointer") // a mistake of ours
	}
	return decode(n, v.Elem()).Sorted()
}

func decode(n *Node, v reflect.Value) Faults {
	faults := decodeInto(n, v)
	if len(faults) == 0 && v.CanAddr() && v.Addr().Type().Implements(validatorType) &&
		(n.Kind() != Null || v.Kind() == reflect.Struct) {
		if err := v.Addr().Interface().(validator).Validate(); err != nil {
			faults = validationFaults(n, err)
		}
	}
	return faults
}

func decodeInto(n *Node, v reflect.Value) Faults {
	t := v.Type()
	switch {
	case t == nodeType:
		v.Set(reflect.ValueOf(n))
		return nil
	case v.CanAddr() && reflect.PointerTo(t).Implements(unmarshalType):
		return v.Addr().Interface().(Unmarshaler).DecodeNode(n)
	case t.Kind() == reflect.Pointer:
		return decodePointer(n, v)
	case t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(textType):
		return decodeStruct(n, v)
	case n.Kind() == Null:
		return nil
	case v.CanAddr() && reflect.PointerTo(t).Implements(textType):
		return decodeText(n, v)
	case t == durationType:
		return decodeScalar(n, v, "a duration", func(s string) error {
			d, err := ParseDuration(s)
			v.SetInt(int64(d))
			return err
		})
	}
	switch t.Kind() {
	case reflect.Slice:
		return decodeSlice(n, v)
	case reflect.Map:
		return decodeMap(n, v)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			v.Set(reflect.ValueOf(n.Value()))
			return nil
		}
	}
	return decodeBasic(n, v)
}

// decodePointer fills a copy of what the pointer's default points to, so that a shared default is never written.
func decodePointer(n *Node, v reflect.Value) Faults {
	if n.Kind() == Null {
		return nil
	}
	p := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		p.Elem().Set(v.Elem())
	}
	faults := decode(n, p.Elem())
	v.Set(p)
	return faults
}

func decodeText(n *Node, v reflect.Value) Faults {
	return decodeScalar(n, v, "text", func(s string) error {
		return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s))
	})
}

func decodeScalar(n *Node, v reflect.Value, want string, set func(string) error) Faults {
	if n.Kind() != Scalar {
		return Faults{n.Fault("want %s, not %s", want, describe(n))}
	}
	if err := set(n.text); err != nil {
		return validationFaults(n, err)
	}
	return nil
}

func decodeSlice(n *Node, v reflect.Value) Faults {
	items := n.Items()
	if n.Kind() != List {
		if n.Kind() != Scalar {
			return Faults{n.Fault("want a list, not %s", describe(n))}
		}
		items = []*Node{n}
	}
	var faults Faults
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, it := range items {
		if it.Kind() == Null && v.Type().Elem() != nodeType && v.Type().Elem().Kind() != reflect.Interface {
			faults = append(faults, it.Fault("an empty entry in a list"))
			continue
		}
		faults = append(faults, decode(it, out.Index(i))...)
	}
	v.Set(out)
	return faults
}

func decodeMap(n *Node, v reflect.Value) Faults {
	if n.Kind() != Map {
		return Faults{n.Fault("want a map, not %s", describe(n))}
	}
	t := v.Type()
	out := reflect.MakeMapWithSize(t, len(n.pairs))
	for it := v.MapRange(); it.Next(); {
		out.SetMapIndex(it.Key(), it.Value())
	}
	var faults Faults
	for _, p := range n.pairs {
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if f := decodeInto(p.Key, key); len(f) > 0 {
			faults = append(faults, f...)
			continue
		}
		if old := out.MapIndex(key); old.IsValid() {
			value.Set(old)
		}
		faults = append(faults, decode(p.Value, value)...)
		out.SetMapIndex(key, value)
	}
	v.Set(out)
	return faults
}

func decodeBasic(n *Node, v reflect.Value) Faults {
	switch v.Kind() {
	case reflect.String:
		return decodeScalar(n, v, "text", func(s string) error { v.SetString(s); return nil })
	case reflect.Bool:
		return decodeScalar(n, v, "true or false", func(s string) error {
			b, ok := parseBool(s)
			if !ok {
				return fmt.Errorf("want true or false, not %q", shorten(s))
			}
			v.SetBool(b)
			return nil
		})
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeScalar(n, v, "a whole number", func(s string) error {
			i, err := parseInt(s)
			if err != nil || v.OverflowInt(i) {
				return notWhole(s, err, math.MinInt64>>(64-v.Type().Bits()), 1<<(v.Type().Bits()-1)-1)
			}
			v.SetInt(i)
			return nil
		})
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeScalar(n, v, "a whole number", func(s string) error {
			i, err := parseInt(s)
			if err != nil || i < 0 || v.OverflowUint(uint64(i)) {
				return notWhole(s, err, 0, math.MaxUint64>>(64-v.Type().Bits()))
			}
			v.SetUint(uint64(i))
			return nil
		})
	case reflect.Float32, reflect.Float64:
		return decodeScalar(n, v, "a number", func(s string) error {
			f, err := strconv.ParseFloat(s, v.Type().Bits())
			if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("want a number, not %q", shorten(s))
			}
			v.SetFloat(f)
			return nil
		})
	}
	panic(fmt.Sprintf("config: cannot decode into %s", v.Type())) // a mistake of ours
}

func notWhole(s string, err error, least int64, most uint64) error {
	if err != nil && !intForm.MatchString(s) {
		return fmt.Errorf("want a whole number, not %q", shorten(s))
	}
	return fmt.Errorf("%s is not within %d and %d", shorten(s), least, most)
}
