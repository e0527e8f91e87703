package identity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
)

// Fingerprint names a public key: "SHA256:" and the unpadded base64 (RFC 4648, 4) of the SHA-256 of its
// SubjectPublicKeyInfo in DER (RFC 8410), 50 bytes in all. It looks like that of an SSH key but is not the same number.
type Fingerprint string

const (
	fingerprintPrefix = "SHA256:"
	fingerprintLen    = len(fingerprintPrefix) + 43
)

// Strict: the last character has bits that carry nothing, and two texts must not name one key.
var fingerprintText = base64.RawStdEncoding.Strict()

// FingerprintOf is the fingerprint of an Ed25519 public key, which must have 32 bytes.
func FingerprintOf(public ed25519.PublicKey) (Fingerprint, error) {
	if len(public) != ed25519.PublicKeySize {
		return "", fmt.Errorf("public key has %d bytes; an Ed25519 key has %d", len(public), ed25519.PublicKeySize)
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	return fingerprintOfSum(sha256.Sum256(spki)), nil
}

func fingerprintOfSum(sum [sha256.Size]byte) Fingerprint {
	return Fingerprint(fingerprintPrefix + fingerprintText.EncodeToString(sum[:]))
}

// ParseFingerprint reads a fingerprint; space around it is dropped, anything else that is not exactly one is an error.
func ParseFingerprint(text string) (Fingerprint, error) {
	text = strings.TrimSpace(text)
	if _, err := Fingerprint(text).sum(); err != nil {
		return "", err
	}
	return Fingerprint(text), nil
}

// sum is the hash that the fingerprint spells.
func (f Fingerprint) sum() (sum [sha256.Size]byte, err error) {
	if len(f) == fingerprintLen && strings.HasPrefix(string(f), fingerprintPrefix) {
		// The length is checked before, because the decoder passes over line breaks.
		if raw, err := fingerprintText.DecodeString(string(f)[len(fingerprintPrefix):]); err == nil && len(raw) == len(sum) {
			return [sha256.Size]byte(raw), nil
		}
	}
	return sum, fmt.Errorf("fingerprint %.60q: want %s and 43 letters, digits, '+' or '/'", string(f), fingerprintPrefix)
}

// MarshalText makes a fingerprint its text in JSON, YAML and CBOR.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f), nil }

// UnmarshalText reads a fingerprint as ParseFingerprint does; empty text is no fingerprint.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*f = ""
		return nil
	}
	v, err := ParseFingerprint(string(text))
	*f = v
	return err
}
