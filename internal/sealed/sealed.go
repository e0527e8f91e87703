// Package sealed hands a content to one reader through places that others read, such as the log: HPKE (RFC 9180) with X25519, HKDF-SHA256
// and ChaCha20-Poly1305, to a key that the reader makes for this once. Keys and sealed contents are base64 text. It must never know
// what the content is.
package sealed

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"fmt"
)

// Key is the reader's. It lives as long as the reader waits.
type Key struct{ private hpke.PrivateKey }

// NewKey makes one.
func NewKey() (Key, error) {
	k, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	return Key{k}, err
}

// Public is what the writer seals to.
func (k Key) Public() string { return base64.StdEncoding.EncodeToString(k.private.PublicKey().Bytes()) }

// Seal makes a content readable for the owner of a public key alone. about is what both sides know of it: it must be the same when it
// is opened.
func Seal(public, about string, content []byte) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(public)
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	to, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(raw)
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	out, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(about), content)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.StdEncoding.EncodeToString(out), nil
}

// Open is the opposite of Seal.
func (k Key) Open(about, text string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("sealed content: %w", err)
	}
	content, err := hpke.Open(k.private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(about), raw)
	if err != nil {
		return nil, fmt.Errorf("sealed content: %w", err)
	}
	return content, nil
}
