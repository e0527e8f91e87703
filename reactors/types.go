package reactors

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
)

// dataTypes gives the data of an event a type that conditions are checked against, out of the Go struct that the sender
// fills. At run time the data stays what was decoded: maps of plain values, in which anything may be missing or null,
// since an older or a newer Brine may have sent it. So a field is read thus:
//
//	missing, and null                  the zero value of its type, as a sender with omitempty means it
//	missing or null, of a pointer      null; none with data.?field
//	of another type than the struct's  an error
type dataTypes struct {
	*types.Registry
	structs map[string]*structType
	root    string                  // the kind of data being added
	within  map[reflect.Type]string // the structs of that kind, by Go type
}

// structType is one struct as conditions see it.
type structType struct {
	cel    *types.Type
	fields map[string]*types.FieldType
	names  []string // of the fields, in the order of the struct
}

func newDataTypes(base *types.Registry) *dataTypes {
	return &dataTypes{Registry: base, structs: make(map[string]*structType)}
}

// add makes the type of one kind of data and gives its CEL type. name is how messages call it; the brackets in it keep
// an expression from naming, and so from making, one.
func (d *dataTypes) add(name string, zero any) *types.Type {
	t := reflect.TypeOf(zero)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return types.DynType
	}
	d.root, d.within = "data("+name+")", make(map[reflect.Type]string)
	return d.structOf(t, d.root)
}

// eventFields are what an expression sees of each of the events that a rule has collected.
var eventFields = []string{"data", "id", "minion", "tag", "time"}

// addEvent makes the type of such an event, whose data is of the given kind.
func (d *dataTypes) addEvent(kind string, data *types.Type) *types.Type {
	name := "event(" + kind + ")"
	s := &structType{cel: types.NewObjectType(name), fields: make(map[string]*types.FieldType), names: eventFields}
	for tag, t := range map[string]*types.Type{"data": data, "id": types.StringType, "minion": types.StringType, "tag": types.StringType,
		"time": types.TimestampType} {
		s.fields[tag] = &types.FieldType{
			Type:  t,
			IsSet: func(obj any) bool { m, _ := obj.(map[string]any); return m[tag] != nil },
			GetFrom: func(obj any) (any, error) {
				if m, ok := obj.(map[string]any); ok {
					return m[tag], nil
				}
				return nil, fmt.Errorf("%s of %s, which is no event", tag, kindOf(obj))
			},
		}
	}
	d.structs[name] = s
	return s.cel
}

// fieldNames lists every field of a type and of those below it, to find the one that was meant.
func (d *dataTypes) fieldNames(root string) []string {
	var all []string
	for name, s := range d.structs {
		if name == root || strings.HasPrefix(name, root+".") {
			all = append(all, s.names...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// structOf gives each Go struct one type within a kind of data, so that two fields of it can be compared and one that
// holds itself ends.
func (d *dataTypes) structOf(t reflect.Type, name string) *types.Type {
	if known, ok := d.within[t]; ok {
		return d.structs[known].cel
	}
	for d.structs[name] != nil {
		name += "'" // of the same name, from another package
	}
	s := &structType{cel: types.NewObjectType(name), fields: make(map[string]*types.FieldType)}
	d.structs[name], d.within[t] = s, name
	d.addFields(s, t)
	return s.cel
}

func (d *dataTypes) addFields(s *structType, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct {
			d.addFields(s, f.Type) // its fields stand among the others, as in JSON
			continue
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		if tag == "" {
			tag = f.Name
		}
		s.names = append(s.names, tag)
		s.fields[tag] = d.field(tag, f.Type)
	}
}

// reader makes a plain value what its type promises, or says that it is something else.
type reader func(any) (any, error)

func (d *dataTypes) field(tag string, t reflect.Type) *types.FieldType {
	cel, zero, read := d.typeOf(t)
	return &types.FieldType{
		Type: cel,
		IsSet: func(obj any) bool {
			m, _ := obj.(map[string]any)
			return m[tag] != nil
		},
		GetFrom: func(obj any) (any, error) {
			m, ok := obj.(map[string]any)
			switch {
			case obj == nil:
				return nil, fmt.Errorf("what holds %q is null", tag)
			case !ok:
				return nil, fmt.Errorf("what holds %q is %s, no map", tag, kindOf(obj))
			case m[tag] == nil:
				return zero, nil
			}
			v, err := read(m[tag])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", tag, err)
			}
			return v, nil
		},
	}
}

// typeOf gives the CEL type of a Go type, what a missing field of it is, and how to read one.
func (d *dataTypes) typeOf(t reflect.Type) (cel *types.Type, zero any, read reader) {
	if t.Kind() == reflect.Pointer {
		cel, _, read = d.typeOf(t.Elem())
		return nullable(cel), nil, read
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return types.TimestampType, time.Time{}, readTime
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return types.StringType, "", readAs[string]
	}
	switch t.Kind() {
	case reflect.Bool:
		return types.BoolType, false, readAs[bool]
	case reflect.String:
		return types.StringType, "", readAs[string]
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return types.IntType, int64(0), readAs[int64] // time.Duration too: as its JSON, nanoseconds
	case reflect.Float32, reflect.Float64:
		return types.DoubleType, float64(0), readFloat
	case reflect.Struct:
		return d.structOf(t, d.root+"."+t.Name()), map[string]any{}, readAs[map[string]any]
	case reflect.Map:
		elem, _, _ := d.typeOf(t.Elem())
		return types.NewMapType(types.StringType, elem), map[string]any{}, readAs[map[string]any]
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return types.BytesType, []byte{}, readAs[[]byte]
		}
		elem, _, one := d.typeOf(t.Elem())
		if t.Elem() == reflect.TypeFor[time.Time]() {
			return types.NewListType(elem), []any{}, readList(one)
		}
		return types.NewListType(elem), []any{}, readAs[[]any]
	}
	return types.DynType, nil, func(v any) (any, error) { return v, nil }
}

// nullable lets a scalar be null; structs, timestamps and lists may be in CEL as they are.
func nullable(t *types.Type) *types.Type {
	switch t.Kind() {
	case types.BoolKind, types.StringKind, types.IntKind, types.DoubleKind, types.BytesKind:
		return types.NewNullableType(t)
	}
	return t
}

func readAs[T any](v any) (any, error) {
	if _, ok := v.(T); !ok {
		return nil, fmt.Errorf("is %s, not as this version of Brine sends it", kindOf(v))
	}
	return v, nil
}

// readFloat takes whole numbers too: a float without a fraction may come as an integer.
func readFloat(v any) (any, error) {
	if i, ok := v.(int64); ok {
		return float64(i), nil
	}
	return readAs[float64](v)
}

// readTime reads RFC 3339 text, which is how the codec writes a time.
func readTime(v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("is %s, no time", kindOf(v))
	}
	return time.Parse(time.RFC3339Nano, s)
}

func readList(one reader) reader {
	return func(v any) (any, error) {
		list, ok := v.([]any)
		if !ok {
			return readAs[[]any](v)
		}
		out := make([]any, len(list))
		for i := range list {
			var err error
			if out[i], err = one(list[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

// kindOf names a plain value's type to people.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a bool"
	case string:
		return "a string"
	case int64:
		return "an int"
	case float64:
		return "a double"
	case []byte:
		return "bytes"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	default:
		return fmt.Sprintf("a %T", v)
	}
}

// FindStructType, FindStructFieldNames and FindStructFieldType are types.Provider, for the type checker.
func (d *dataTypes) FindStructType(name string) (*types.Type, bool) {
	if s, ok := d.structs[name]; ok {
		return types.NewTypeTypeWithParam(s.cel), true
	}
	return d.Registry.FindStructType(name)
}

// FindStructFieldNames lists a type's fields.
func (d *dataTypes) FindStructFieldNames(name string) ([]string, bool) {
	if s, ok := d.structs[name]; ok {
		return s.names, true
	}
	return d.Registry.FindStructFieldNames(name)
}

// FindStructFieldType finds one field.
func (d *dataTypes) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if s, ok := d.structs[name]; ok {
		f, ok := s.fields[field]
		return f, ok
	}
	return d.Registry.FindStructFieldType(name, field)
}
