package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"brine/internal/event"
)

// A token's text is tokenPrefix and 96 letters and digits: base32 in lower case of the secret (24 bytes), the master's
// fingerprint (32) and a check of both (4). Underscores, so that a double click takes it whole.
const (
	tokenPrefix   = "brine_join_1_"
	secretBytes   = 24
	secretLen     = 39 // a secret as text
	checkBytes    = 4
	tokenBytes    = secretBytes + sha256.Size + checkBytes
	tokenNameLen  = 12
	tokenTextSize = len(tokenPrefix) + tokenBytes*8/5
)

// MaxTokenLife bounds how long a token may live.
const MaxTokenLife = 366 * 24 * time.Hour

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Secret is what whoever holds a token knows. It does not print or log.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(secret)"
}

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// Token is what the master keeps of a join token: what it allows, and a hash of its secret.
type Token struct {
	Name    string      `json:"name"`              // the start of Hash, for people
	Hash    string      `json:"hash"`              // SHA-256 of the secret, hex
	ID      string      `json:"id,omitempty"`      // the only minion it is for; empty for any
	Replace bool        `json:"replace,omitempty"` // it may replace the key that is accepted for ID
	Created time.Time   `json:"created"`
	Expires time.Time   `json:"expires"`
	By      string      `json:"by,omitempty"`       // the operator who made it
	Used    time.Time   `json:"used,omitzero"`      // it works once
	UsedBy  Fingerprint `json:"used_by,omitempty"`  // the key it let in
	UsedFor string      `json:"used_for,omitempty"` // the id it let that key in as
}

// TokenOptions says what a token allows.
type TokenOptions struct {
	ID      string        // the only minion it is for; empty for any
	Replace bool          // it may replace the key that is accepted for ID, which it then must have
	Life    time.Duration // until it expires; more than zero, at most MaxTokenLife
	By      string        // the operator
}

// NewToken makes a token. text is for the minion, and is not kept; the Token is for Registry.AddToken.
// random gives 24 bytes.
func NewToken(master Fingerprint, opt TokenOptions, now time.Time, random io.Reader) (text string, t Token, err error) {
	sum, err := master.sum()
	if err != nil {
		return "", Token{}, fmt.Errorf("token: master's %w", err)
	}
	if opt.ID != "" {
		if err := event.CheckMinionID(opt.ID); err != nil {
			return "", Token{}, fmt.Errorf("token: %w", err)
		}
	}
	if opt.Replace && opt.ID == "" {
		return "", Token{}, fmt.Errorf("token: one that may replace a key must name the minion")
	}
	if opt.Life <= 0 || opt.Life > MaxTokenLife {
		return "", Token{}, fmt.Errorf("token: life %s; want more than 0, at most %s", opt.Life, MaxTokenLife)
	}
	raw := make([]byte, secretBytes, tokenBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", Token{}, fmt.Errorf("token: %w", err)
	}
	hash := hashSecret(secretText(raw))
	raw = append(raw, sum[:]...)
	raw = append(raw, tokenCheck(raw)...)
	return tokenPrefix + tokenText.EncodeToString(raw), Token{
		Name: hash[:tokenNameLen], Hash: hash, ID: opt.ID, Replace: opt.Replace,
		Created: now, Expires: now.Add(opt.Life), By: opt.By,
	}, nil
}

// ParseToken reads a token's text: the secret to show to the master, and the master's fingerprint to hold it to.
// A mistyped token is found out here, before anything is sent.
func ParseToken(text string) (Secret, Fingerprint, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return "", "", fmt.Errorf("join token: does not begin with %s", tokenPrefix)
	}
	if len(text) != tokenTextSize {
		return "", "", fmt.Errorf("join token: has %d characters; want %d", len(text), tokenTextSize)
	}
	raw, err := tokenText.DecodeString(body)
	if err != nil || len(raw) != tokenBytes { // the decoder passes over line breaks
		return "", "", fmt.Errorf("join token: holds a character that is no letter a-z or digit 2-7")
	}
	payload, check := raw[:tokenBytes-checkBytes], raw[tokenBytes-checkBytes:]
	if !bytes.Equal(check, tokenCheck(payload)) {
		return "", "", fmt.Errorf("join token: is mistyped: its check does not fit")
	}
	return secretText(raw[:secretBytes]), fingerprintOfSum([sha256.Size]byte(payload[secretBytes:])), nil
}

func secretText(raw []byte) Secret { return Secret(tokenText.EncodeToString(raw)) }

// tokenCheck finds typing mistakes; it is no protection.
func tokenCheck(payload []byte) []byte {
	sum := sha256.Sum256(append([]byte(tokenPrefix), payload...))
	return sum[:checkBytes]
}

// hashSecret needs no salt and no stretching: a secret has 192 random bits.
func hashSecret(s Secret) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// holds reports, in time that does not depend on either, whether the token is the one with this hash.
func (t Token) holds(hash string) bool {
	return subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hash)) == 1
}

// check says what is wrong with a token that was stored.
func (t Token) check() error {
	if raw, err := hex.DecodeString(t.Hash); err != nil || len(raw) != sha256.Size || t.Name != t.Hash[:tokenNameLen] {
		return fmt.Errorf("token %.20q: its hash or name is damaged", t.Name)
	}
	return nil
}
