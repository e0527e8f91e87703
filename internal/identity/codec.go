package identity

import (
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// The codec of the exchange. Unknown keys are passed over, so that a later minion can enrol at an earlier master;
// everything else that SPEC.md does not allow is an error.
var (
	encMode = must(cbor.EncOptions{Sort: cbor.SortCoreDeterministic}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		MaxNestedLevels:  4,
		MaxArrayElements: 16,
		MaxMapPairs:      16,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options are constants: a mistake of ours
	}
	return v
}

// EncodeRequest makes the bytes of a request. Grains that do not fit are left out: they are only for the eye.
func EncodeRequest(q Request) ([]byte, error) {
	if err := q.Check(); err != nil {
		return nil, fmt.Errorf("enrol request: %w", err)
	}
	b, err := encode(q)
	if err != nil && q.Grains != nil {
		q.Grains = nil
		b, err = encode(q)
	}
	if err != nil {
		return nil, fmt.Errorf("enrol request: %w", err)
	}
	return b, nil
}

// DecodeRequest reads a request and checks it.
func DecodeRequest(b []byte) (Request, error) {
	var q Request
	if err := decode(b, &q); err != nil {
		return Request{}, fmt.Errorf("enrol request: %w", err)
	}
	if err := q.Check(); err != nil {
		return Request{}, fmt.Errorf("enrol request: %w", err)
	}
	return q, nil
}

// EncodeVerdict makes the bytes of a verdict.
func EncodeVerdict(v Verdict) ([]byte, error) {
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("enrol verdict: %w", err)
	}
	b, err := encode(v)
	if err != nil {
		return nil, fmt.Errorf("enrol verdict: %w", err)
	}
	return b, nil
}

// DecodeVerdict reads a verdict and checks it.
func DecodeVerdict(b []byte) (Verdict, error) {
	var v Verdict
	if err := decode(b, &v); err != nil {
		return Verdict{}, fmt.Errorf("enrol verdict: %w", err)
	}
	if err := v.Check(); err != nil {
		return Verdict{}, fmt.Errorf("enrol verdict: %w", err)
	}
	return v, nil
}

func encode(v any) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err == nil && len(b) > MaxRequest {
		err = fmt.Errorf("has %d bytes; at most %d", len(b), MaxRequest)
	}
	return b, err
}

func decode(b []byte, into any) error {
	if len(b) > MaxRequest {
		return fmt.Errorf("has %d bytes; at most %d", len(b), MaxRequest)
	}
	// A null, or an array in the place of the map, would decode without complaint.
	if len(b) == 0 || b[0]>>5 != 5 {
		return fmt.Errorf("is no CBOR map")
	}
	return decMode.Unmarshal(b, into)
}
