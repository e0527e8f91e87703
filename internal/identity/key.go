// Package identity holds who is who: keys and their fingerprints, the TLS configurations that pin them, the request
// and verdict of enrolment, join tokens, and the registry of accepted keys. SPEC.md beside this file describes
// the exchange byte by byte. The package must never know a socket, a clock, a store or a role.
package identity

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Key is what a minion or a master is: an Ed25519 key pair, with the certificate that carries it in TLS. It prints
// as its fingerprint, never as its secret.
type Key struct {
	private ed25519.PrivateKey
	cert    tls.Certificate
	print   Fingerprint
}

// NewKey draws a key from random, which gives 32 bytes of secret.
func NewKey(random io.Reader) (Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Key{}, fmt.Errorf("new key: %w", err)
	}
	return keyOf(ed25519.NewKeyFromSeed(seed))
}

func keyOf(private ed25519.PrivateKey) (Key, error) {
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return Key{}, fmt.Errorf("key: no Ed25519 key")
	}
	print, err := FingerprintOf(public)
	if err != nil {
		return Key{}, err
	}
	cert, err := certify(private, public)
	if err != nil {
		return Key{}, err
	}
	return Key{private: private, cert: cert, print: print}, nil
}

// certify wraps the key in the certificate that TLS wants. Nothing in it is checked but the key, so it names nobody
// and never ends; being made of the key alone it is the same bytes each time.
func certify(private ed25519.PrivateKey, public ed25519.PublicKey) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, 4.1.2.5: no end
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}

// Fingerprint names the public half; it is empty for the zero Key.
func (k Key) Fingerprint() Fingerprint { return k.print }

// String is the fingerprint, so that a key that is printed or logged tells no secret.
func (k Key) String() string { return string(k.print) }

// GoString is String.
func (k Key) GoString() string { return k.String() }
