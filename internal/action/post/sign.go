package post

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"brine/internal/webhook"
)

// Sign says how the receiver can tell that a request is ours: by HMAC-SHA256 with a secret that both know.
type Sign struct {
	SecretFile string `yaml:"secret_file"` // holds the secret; a line end behind it is not part of it
	Header     string `yaml:"header"`      // the header that holds the signature
	Style      string `yaml:"style"`       // timestamped or body
}

// The values of Args.sign.style.
const (
	// "t=<seconds since 1970>,v1=<hex>", of the time, a dot and the body, as Stripe signs: a receiver that refuses an old
	// time cannot be told the same twice.
	Timestamped = "timestamped"
	Body        = "body" // "sha256=<hex>", of the body, as GitHub signs
)

// Validate names what is wrong.
func (s Sign) Validate() error {
	var faults []error
	if s.Style != Timestamped && s.Style != Body {
		faults = append(faults, fmt.Errorf("style: %q; want %s or %s", s.Style, Timestamped, Body))
	}
	if err := webhook.CheckHeader(s.Header, ""); err != nil {
		faults = append(faults, fmt.Errorf("header: %w", err))
	}
	if s.SecretFile != "" && !filepath.IsAbs(s.SecretFile) {
		faults = append(faults, fmt.Errorf("secret_file: %q is not absolute", s.SecretFile))
	}
	return errors.Join(faults...)
}

// signature is the header's value.
func (s Sign) signature(secret string, body []byte, now time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	if s.Style == Body {
		mac.Write(body)
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}
	t := strconv.FormatInt(now.Unix(), 10)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
