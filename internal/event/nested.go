package event

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"
)

// Item is a payload within another, as the item that it is: who reads the outer one sees its values.
type Item Data

// MarshalCBOR embeds a payload in another: none is null. What is no well-formed item within the limits goes as a byte string.
func (d Item) MarshalCBOR() ([]byte, error) {
	switch {
	case len(d) == 0:
		return []byte{cborNull}, nil
	case dataDec.Wellformed(d) != nil:
		return cbor.Marshal([]byte(d))
	}
	return d, nil
}

// UnmarshalCBOR is the opposite of MarshalCBOR. A byte string is a payload too: earlier versions embedded all of them so.
func (d *Item) UnmarshalCBOR(item []byte) error {
	switch {
	case len(item) == 1 && item[0] == cborNull:
		*d = nil
		return nil
	case len(item) > 0 && item[0]>>5 == cborBytes:
		return cbor.Unmarshal(item, (*[]byte)(d))
	}
	*d = bytes.Clone(item)
	return nil
}

// IsZero reports whether there is no payload: fields tagged omitzero leave it out.
func (d Item) IsZero() bool { return len(d) == 0 }

const (
	cborNull  = 0xf6
	cborBytes = 2 // the major type, RFC 8949, 3.1
)
