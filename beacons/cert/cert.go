// Package cert is the beacon that watches certificates, in files and at endpoints: those that expire, are replaced, cannot be read or reached, or
// do not fit their key. It must never know what is done about one.
package cert

import (
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "cert".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "cert",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{Watches: defaults()} },
		Interval:    time.Hour,
		AtStart:     true,
		Purpose:     "Watches certificates, in files (PEM) and at TLS endpoints: those that are about to expire, were replaced, cannot be read, or do not fit their key.",
		Tags:        tags(),
		Cost:        "Nothing while nothing changes, but for one read of each file an hour, or when its folder changes. One handshake with each endpoint an hour, at most 8 at the same time.",
		Permissions: "To read the files, and the keys where they are to be compared.",
		Blind: "Services that begin in plain text (STARTTLS). Whether a service's certificate is trusted: the beacon http looks. Certificates past the first in a file are looked at for their expiry only. Whether an " +
			"authority has revoked one.",
	}
}

// What happened: the values of Data.Change.
const (
	Expires    = "expires"    // less time is left than expires says, or no longer so
	Replaced   = "replaced"   // another certificate stands in the file
	Unreadable = "unreadable" // it was readable before, or never was, and holds no certificate that can be read
	Mismatch   = "mismatch"   // its key is another's
	Gone       = "gone"       // the file was removed

	Unreachable = "unreachable" // an endpoint made no handshake, several times in a row
	Reachable   = "reachable"   // it makes one again
)

// Data is what the beacon's events carry.
type Data struct {
	Watch    string    `json:"watch"`     // the name of the watch
	Change   string    `json:"change"`    // expires, replaced, unreadable, mismatch, gone, unreachable, reachable
	Path     string    `json:"path"`      // of the file
	Endpoint string    `json:"endpoint"`  // host:port; path is empty then
	State    string    `json:"state"`     // with expires: "entered" or "left"
	Subject  string    `json:"subject"`   // of the first certificate in the file
	Issuer   string    `json:"issuer"`    // of the same
	Names    []string  `json:"names"`     // DNS names and addresses that it is for; at most 100
	Serial   string    `json:"serial"`    // in hex
	SHA256   string    `json:"sha256"`    // of the certificate, in hex
	Before   string    `json:"before"`    // with replaced: the sha256 of the one before
	NotAfter time.Time `json:"not_after"` // when the first one of the file to expire does
	Left     float64   `json:"left"`      // seconds until then; less than 0: it has expired
	Since    time.Time `json:"since"`     // with expires: since when it has had too little left; with unreachable and reachable: since when it is
	Error    string    `json:"error"`     // with unreadable, mismatch and unreachable: why
}

func tags() []beacons.Tag {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	one := Data{Watch: "web", Change: Expires, Path: "/etc/ssl/web/shop.pem", State: "entered", Subject: "CN=shop.example.com", Issuer: "CN=Example CA", Names: []string{"shop.example.com"},
		Serial: "4a1f", SHA256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", NotAfter: at.AddDate(0, 0, 20), Left: 1728000, Since: at}
	replaced := one
	replaced.Change, replaced.State, replaced.Before, replaced.Since = Replaced, "", "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", time.Time{}
	return []beacons.Tag{
		{Tail: "<watch>/expires", When: "a certificate has less time left than expires says", Data: one},
		{Tail: "<watch>/expires/cleared", When: "a newer one stands in the file, or none", Data: one},
		{Tail: "<watch>/replaced", When: "another certificate stands in the file", Data: replaced},
		{Tail: "<watch>/unreadable", When: "the file cannot be read, or holds no certificate", Data: Data{Watch: "web", Change: Unreadable, Path: one.Path, Error: "no certificate in it"}},
		{Tail: "<watch>/mismatch", When: "the key beside a certificate is not its own", Data: Data{Watch: "web", Change: Mismatch, Path: one.Path,
			Error: "tls: private key does not match public key"}},
		{Tail: "<watch>/unreachable", When: "an endpoint made no handshake for as many times in a row as failures says; its certificate is not told as expired", Data: Data{Watch: "mail",
			Change: Unreachable, Endpoint: "imap.example.com:993", Since: at, Error: "dial tcp 192.0.2.7:993: connect: connection refused"}},
		{Tail: "<watch>/reachable", When: "it makes one again", Data: Data{Watch: "mail", Change: Reachable, Endpoint: "imap.example.com:993", Subject: "CN=imap.example.com",
			NotAfter: at.AddDate(0, 0, 20), Left: 1728000, Since: at}},
		{Tail: "<watch>/gone", When: "the file was removed", Data: Data{Watch: "web", Change: Gone, Path: one.Path}},
	}
}

const (
	maxPatterns = 64
	maxFiles    = 1000 // of one watch
	maxSize     = 1 << 20
)

// Config is what stands below "cert:": watches under names of the operator's own.
type Config struct {
	Watches map[string]Watch `yaml:",rest"` // a watch; naming one takes away the default
}

// Watch says which files are meant.
type Watch struct {
	Files      []string           `yaml:"files"`       // PEM; '*', '?' and '[...]' as in a shell
	Key        string             `yaml:"key"`         // of one file: its private key, to be compared
	Endpoints  []string           `yaml:"endpoints"`   // host:port that speak TLS from the first byte; a name is looked up each time
	ServerName string             `yaml:"server_name"` // that endpoints are asked for; the host when nothing is said
	Timeout    time.Duration      `yaml:"timeout"`     // until the handshake must be done; 10s when nothing is said, at most 1m
	Failures   int                `yaml:"failures"`    // handshakes in a row that fail, and the endpoint is unreachable; 3 when nothing is said
	Expires    *beacons.Threshold `yaml:"expires"`     // how little time may be left; {below: 21d} when nothing is said
}

func defaults() map[string]Watch {
	return map[string]Watch{"letsencrypt": {Files: []string{"/etc/letsencrypt/live/*/fullchain.pem"}}}
}

// Validate tells what is wrong with the watches.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Watches, func(name string, w Watch) error {
		var faults []error
		fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
		if len(w.Files) == 0 && len(w.Endpoints) == 0 {
			fault("want files or endpoints")
		}
		if len(w.Files) > maxPatterns {
			fault("files: %d entries; at most %d", len(w.Files), maxPatterns)
		}
		w.checkEndpoints(fault)
		for _, f := range w.Files {
			if _, err := filepath.Match(f, ""); err != nil || !filepath.IsAbs(f) {
				fault("files: %q is no absolute path or pattern", f)
			}
		}
		if w.Key != "" && (len(w.Files) != 1 || !filepath.IsAbs(w.Key)) {
			fault("key: %q; want an absolute path, and one file", w.Key)
		}
		return errors.Join(append(faults, w.Expires.Check(name+": expires", beacons.Seconds, 0))...)
	})
}

func (w Watch) expires() *beacons.Threshold {
	if w.Expires == nil {
		return &beacons.Threshold{Below: beacons.Of((21 * 24 * time.Hour).Seconds(), beacons.Seconds)}
	}
	return w.Expires
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon {
	return &beacon{config: c, env: env, kick: make(chan struct{}, 1), known: map[string]last{}, seen: map[string]seen{}}
}
