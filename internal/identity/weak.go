package identity

import (
	"crypto/ed25519"
	"encoding/hex"
	"slices"
)

// smallOrder lists every encoding, but for the sign bit, of the points of Curve25519 whose order divides 8, those past the field's prime
// included. For such a "key" anybody can forge signatures, so it proves nothing. (Chalkias and others, "Taming
// the many EdDSAs", 2020; libsodium has the same list.)
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// weak reports whether everybody can sign for the key.
func weak(public ed25519.PublicKey) bool {
	b := slices.Clone(public)
	b[len(b)-1] &= 0x7f
	return slices.Contains(smallOrder, hex.EncodeToString(b))
}
