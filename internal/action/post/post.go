// Package post is the action http.post: it tells a web service what happened, as a CloudEvent (version 1.0) or as JSON of your own. It
// owns what such a request says; it must never know how requests are sent.
//
// Any 2xx is success. Answers of 5xx, 408, 425 and 429, and whatever goes wrong on the way, may pass: the request is tried again as the
// step's retry says. Any other answer is final. A redirect is followed on the same host only, where it keeps the request (307, 308).
//
// A request that is repeated has the same id: the jid, in the header Idempotency-Key and as the CloudEvent's id.
//
// What the answer said is kept, 32 KiB of it: later steps see it as stdout, and return holds status and, where the answer is JSON, json.
// An event has no say in where a request goes: url, sign, tls and the files of secrets cannot hold templates, path and query are
// escaped, and a header that holds a line end is refused.
package post

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"brine/internal/action"
	"brine/internal/webhook"
)

//go:embed sample.yaml
var sample string

// Name is the action's.
const Name = "http.post"

// Module describes the action http.post.
func Module() action.Module {
	return action.Module{
		Name: Name, Sample: sample, Run: run,
		Args: func() any {
			return &Args{Format: Structured, Timeout: webhook.DefaultTimeout, Sign: Sign{Header: "X-Brine-Signature", Style: Timestamped}}
		},
		Fixed: []string{"url", "url_file", "authorization_file", "format", "sign.secret_file", "sign.header", "sign.style", "tls.ca", "tls.cert", "tls.key", "tls.server_name"},
	}
}

// The values of Args.format.
const (
	Structured = "cloudevents"        // everything is in the body, application/cloudevents+json
	Binary     = "cloudevents-binary" // the attributes are headers, the body is the data
	JSON       = "json"               // the body is the data, or the whole event where the rule gives none
)

// Args are what a rule says.
type Args struct {
	URL     string            `yaml:"url"`      // where to: http or https
	URLFile string            `yaml:"url_file"` // a file that holds it, for an address that is a secret
	Path    []string          `yaml:"path"`     // what follows the address' own path, one segment an entry, each escaped
	Query   map[string]string `yaml:"query"`    // added to the address, escaped
	Format  string            `yaml:"format"`   // cloudevents, cloudevents-binary or json
	Data    any               `yaml:"data"`     // what is told; without it the data of the event
	Type    string            `yaml:"type"`     // of the CloudEvent: brine.event without it
	Source  string            `yaml:"source"`   // of the CloudEvent: brine/minion/ and its id, or brine/master, without it
	Headers map[string]string `yaml:"headers"`  // further headers
	// a file that holds the value of the header Authorization, such as: Bearer ...
	AuthorizationFile string        `yaml:"authorization_file"`
	Sign              Sign          `yaml:"sign"`
	TLS               webhook.TLS   `yaml:"tls"`
	Timeout           time.Duration `yaml:"timeout"` // for one attempt, the whole answer included: at most 10m
}

// maxParts bounds path, query and headers.
const maxParts = 64

// ours are the headers that a rule cannot set.
var ours = []string{"Authorization", "Connection", "Content-Length", "Host", "Idempotency-Key", "Transfer-Encoding", "Trailer", "Upgrade", "Te"}

// Validate names what is wrong.
func (a *Args) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if (a.URL == "") == (a.URLFile == "") {
		fault("one of url and url_file is required")
	} else if a.URL != "" {
		if _, err := parseURL(a.URL); err != nil {
			fault("url: %w", err)
		}
	}
	for name, path := range map[string]string{"url_file": a.URLFile, "authorization_file": a.AuthorizationFile} {
		if path != "" && !filepath.IsAbs(path) {
			fault("%s: %q is not absolute", name, path)
		}
	}
	if !slices.Contains([]string{Structured, Binary, JSON}, a.Format) {
		fault("format: %q; want %s, %s or %s", a.Format, Structured, Binary, JSON)
	}
	if a.Format == JSON && (a.Type != "" || a.Source != "") {
		fault("type and source are a CloudEvent's: format json has none")
	}
	if n := max(len(a.Path), len(a.Query), len(a.Headers)); n > maxParts {
		fault("path, query and headers have at most %d entries each, not %d", maxParts, n)
	}
	if a.Timeout <= 0 || a.Timeout > webhook.MaxTimeout {
		fault("timeout: %s; want more than 0s and at most %s", a.Timeout, webhook.MaxTimeout)
	}
	for name := range a.Headers {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case webhook.CheckHeader(name, "") != nil:
			fault("headers: %w", webhook.CheckHeader(name, ""))
		case slices.Contains(ours, canonical) || strings.HasPrefix(canonical, "Ce-") || canonical == "Content-Type" && a.Format != JSON:
			fault("headers: %s is not a rule's to set", name)
		case a.Sign.SecretFile != "" && canonical == http.CanonicalHeaderKey(a.Sign.Header):
			fault("headers: %s is the signature's", name)
		}
	}
	return errors.Join(faults...)
}

// parseURL reads an address; an error does not show it, for it may be a secret.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("want an address such as https://host/path")
	case u.User != nil:
		return nil, errors.New("no name or password belongs into an address: use authorization_file")
	case u.Fragment != "":
		return nil, errors.New("what follows # is never sent")
	}
	return u, nil
}

// address is where the request goes.
func (a *Args) address(host action.Host) (*url.URL, error) {
	text := a.URL
	if a.URLFile != "" {
		var err error
		if text, err = host.Secret(a.URLFile); err != nil {
			return nil, fmt.Errorf("url_file: %w", err)
		}
	}
	u, err := parseURL(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	plain, escaped := strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.EscapedPath(), "/")
	for _, seg := range a.Path {
		if seg == "" || seg == "." || seg == ".." {
			return nil, final{fmt.Errorf("path: %q is no segment", seg)}
		}
		plain, escaped = plain+"/"+seg, escaped+"/"+url.PathEscape(seg)
	}
	if len(a.Path) > 0 {
		u.Path, u.RawPath = plain, escaped
	}
	if len(a.Query) > 0 {
		q := u.Query()
		for k, v := range a.Query {
			q.Set(k, v)
		}
		u.RawQuery = q.Encode()
	}
	return u, nil
}

// final is an error that will come each time.
type final struct{ error }
