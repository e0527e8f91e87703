package event

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// Data is the payload of an event: one CBOR item (RFC 8949), a map with text keys as a rule. Nil means none.
type Data []byte

// The codec is deterministic (RFC 8949, 4.2.1), so that equal values are equal bytes, and bounded against what
// strangers send. Integers decode to int64, maps to map[string]any. Struct fields go by their `json` tags.
var (
	dataEnc = must(cbor.EncOptions{Sort: cbor.SortBytewiseLexical, Time: cbor.TimeRFC3339Nano, TextMarshaler: cbor.TextMarshalerTextString}.EncMode())
	dataDec = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IntDec:           cbor.IntDecConvertSigned,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		MaxNestedLevels:  16,
		MaxArrayElements: 65536,
		MaxMapPairs:      65536,
		TextUnmarshaler:  cbor.TextUnmarshalerTextString,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options are constants: a mistake of ours
	}
	return v
}

// Encode makes the payload of v: a struct with json tags, a map, or nil for none.
// The error names the size where the value is past MaxData.
func Encode(v any) (Data, error) {
	if v == nil {
		return nil, nil
	}
	b, err := dataEnc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("event data: %w", err)
	}
	if len(b) > MaxData {
		return nil, fmt.Errorf("event data has %d bytes; at most %d", len(b), MaxData)
	}
	return b, nil
}

// Decode reads the payload into a pointer, usually to a struct with json tags.
func (d Data) Decode(into any) error {
	if len(d) == 0 {
		return nil
	}
	return dataDec.Unmarshal(d, into)
}

// Value is the payload as plain values: map[string]any, []any, string, int64, float64, bool, []byte, nil.
// An empty payload is an empty map.
func (d Data) Value() (any, error) {
	if len(d) == 0 {
		return map[string]any{}, nil
	}
	var v any
	err := dataDec.Unmarshal(d, &v)
	return v, err
}

// Valid reports whether d is one well-formed item within the limits, or empty.
func (d Data) Valid() error {
	_, err := d.Value()
	return err
}

// MarshalJSON shows the payload as JSON; what cannot be read is shown as {"unreadable": reason}.
func (d Data) MarshalJSON() ([]byte, error) {
	v, err := d.Value()
	if err != nil {
		v = map[string]any{"unreadable": err.Error()}
	}
	return json.Marshal(v)
}

// UnmarshalJSON is the opposite of MarshalJSON, for clients of the API.
func (d *Data) UnmarshalJSON(text []byte) error {
	v, err := FromJSON(text)
	*d = v
	return err
}

// FromJSON makes a payload of JSON text; whole numbers stay whole.
func FromJSON(text []byte) (Data, error) {
	v, err := ParseJSON(text)
	if err != nil {
		return nil, err
	}
	return Encode(v)
}
