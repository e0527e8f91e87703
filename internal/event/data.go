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
// strangers send. Integers decode to int64, maps to map[string]any. Struct fields go by their `json` tags. What JSON cannot
// say (NaN, infinities, simple values of one's own) is refused both ways: every payload can be shown.
var (
	dataEnc = must(cbor.EncOptions{
		Sort:          cbor.SortBytewiseLexical,
		Time:          cbor.TimeRFC3339Nano,
		TextMarshaler: cbor.TextMarshalerTextString,
		NaNConvert:    cbor.NaNConvertReject,
		InfConvert:    cbor.InfConvertReject,
	}.EncMode())
	dataOpts = cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IntDec:            cbor.IntDecConvertSignedOrFail,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		DefaultMapType:    reflect.TypeFor[map[string]any](),
		MaxNestedLevels:   16,
		MaxArrayElements:  65536,
		MaxMapPairs:       65536,
		TextUnmarshaler:   cbor.TextUnmarshalerTextString,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		NaN:               cbor.NaNDecodeForbidden,
		Inf:               cbor.InfDecodeForbidden,
		SimpleValues:      must(cbor.NewSimpleValueRegistryFromDefaults(onlyPlainSimpleValues)),
	}
	dataDec = must(dataOpts.DecMode())
	// mendDec reads text that is no UTF-8, to mend it before it is sent.
	mendDec = func() cbor.DecMode {
		o := dataOpts
		o.UTF8 = cbor.UTF8DecodeInvalid
		return must(o.DecMode())
	}()
)

// onlyPlainSimpleValues leaves false, true, null and undefined (20 to 23).
func onlyPlainSimpleValues(r *cbor.SimpleValueRegistry) error {
	for v := range 256 {
		if v >= 20 && v < 32 { // 24 to 31 cannot be written
			continue
		}
		if err := cbor.WithRejectedSimpleValue(cbor.SimpleValue(v))(r); err != nil {
			return err
		}
	}
	return nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options are constants: a mistake of ours
	}
	return v
}

// Encode makes the payload of v: a struct with json tags, a map, or nil for none. Text that is no UTF-8, such as some file
// names, has U+FFFD where it is broken. The error names the size where the value is past MaxData; there is one too for what
// Decode would refuse: nested too deep, too many entries, NaN.
func Encode(v any) (Data, error) {
	if v == nil {
		return nil, nil
	}
	b, err := dataEnc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("event data: %w", err)
	}
	if err := dataDec.Wellformed(b); err != nil {
		return nil, fmt.Errorf("event data: %w", err)
	}
	if !textIsUTF8(b) {
		if b, err = mend(b); err != nil {
			return nil, err
		}
	}
	if len(b) > MaxData {
		return nil, fmt.Errorf("event data has %d bytes; at most %d", len(b), MaxData)
	}
	return b, nil
}

// Decode reads the payload into a pointer, usually to a struct with json tags. No payload leaves it as it is.
func (d Data) Decode(into any) error {
	if len(d) == 0 {
		return nil
	}
	if len(d) > MaxData {
		return fmt.Errorf("event data has %d bytes; at most %d", len(d), MaxData)
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
	err := d.Decode(&v)
	return v, err
}

// Valid reports whether d is one well-formed item within the limits, or empty.
func (d Data) Valid() error {
	_, err := d.Value()
	return err
}

// MarshalJSON shows the payload as JSON. Bytes are shown as the text they are, or else as "base64:..."; what cannot be read
// is shown as {"unreadable": reason}.
func (d Data) MarshalJSON() ([]byte, error) {
	v, err := d.Value()
	if err != nil {
		v = map[string]any{"unreadable": err.Error()}
	}
	return json.Marshal(showBytes(v))
}

// UnmarshalJSON is the opposite of MarshalJSON, for clients of the API. (What was bytes is text then.)
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
