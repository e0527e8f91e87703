package http

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"brine/beacons"
)

// Bounds of a probe.
const (
	defaultTimeout  = 10 * time.Second
	maxTimeout      = time.Minute
	defaultFailures = 3
	defaultPasses   = 1
	maxRow          = 100
	maxRedirects    = 10
	maxExpr         = 4096
	maxHeaders      = 32
	maxBody         = 64 << 10
)

// Config is what stands below "http:": probes under names of the operator's own.
type Config struct {
	Probes map[string]Probe `yaml:",rest"` // a probe
}

// Probe is one request, and what the answer must be.
type Probe struct {
	URL       string             `yaml:"url,required"` // http or https
	Method    string             `yaml:"method"`       // GET or HEAD; GET when nothing is said
	Headers   map[string]string  `yaml:"headers"`      // of the request
	Connect   string             `yaml:"connect"`      // host:port to connect to instead of the one in url
	CA        string             `yaml:"ca"`           // file of certificates (PEM) that are trusted instead of the system's
	Status    []Status           `yaml:"status"`       // numbers and ranges; 200-299 when nothing is said
	Body      *Regexp            `yaml:"body"`         // the first 64 KiB of the body must match this
	Redirects int                `yaml:"redirects"`    // that are followed; none when nothing is said, at most 10
	Timeout   time.Duration      `yaml:"timeout"`      // until the whole answer must be there; 10s when nothing is said, at most 1m
	Latency   time.Duration      `yaml:"latency"`      // an answer that takes longer is a failure; timeout when nothing is said
	Failures  int                `yaml:"failures"`     // so many in a row, and it is down; 3 when nothing is said
	Passes    int                `yaml:"passes"`       // so many in a row, and it is up again; 1 when nothing is said
	Expires   *beacons.Threshold `yaml:"expires"`      // told when the certificate has less time left; {below: 14d} when nothing is said
}

// Status is a range of status codes, written 200 or 200-299.
type Status struct{ First, Last int }

// UnmarshalText reads one.
func (s *Status) UnmarshalText(text []byte) error {
	first, last, ranged := strings.Cut(string(text), "-")
	a, err := strconv.Atoi(first)
	b := a
	if err == nil && ranged {
		b, err = strconv.Atoi(last)
	}
	if err != nil || a < 100 || b > 599 || b < a {
		return fmt.Errorf("%.20q is no status: want 100 to 599, or a range such as 200-299", text)
	}
	s.First, s.Last = a, b
	return nil
}

// Regexp is a regular expression in RE2's syntax.
type Regexp struct{ *regexp.Regexp }

// UnmarshalText reads one.
func (r *Regexp) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 || len(text) > maxExpr {
		return fmt.Errorf("the expression has %d bytes; want 1 to %d", len(text), maxExpr)
	}
	r.Regexp, err = regexp.Compile(string(text))
	return err
}

// Validate tells what is wrong with the probes.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Probes, func(name string, p Probe) error {
		var faults []error
		fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
		if u, err := url.Parse(p.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			fault("url: %.100q; want such as https://shop.example.com/health", p.URL)
		}
		if p.Method != "" && p.Method != http.MethodGet && p.Method != http.MethodHead {
			fault("method: %q; want GET or HEAD", p.Method)
		}
		if _, _, err := net.SplitHostPort(p.Connect); p.Connect != "" && err != nil {
			fault("connect: %q; want host:port", p.Connect)
		}
		if len(p.Headers) > maxHeaders {
			fault("headers: %d of them; at most %d", len(p.Headers), maxHeaders)
		}
		if p.CA != "" && !strings.HasPrefix(p.CA, "/") {
			fault("ca: %q is not absolute", p.CA)
		}
		for _, n := range []struct {
			option  string
			n, most int
		}{{"redirects", p.Redirects, maxRedirects}, {"failures", p.Failures, maxRow}, {"passes", p.Passes, maxRow}} {
			if n.n < 0 || n.n > n.most {
				fault("%s: %d; want at most %d", n.option, n.n, n.most)
			}
		}
		if p.Timeout < 0 || p.Timeout > maxTimeout {
			fault("timeout: %s; want at most %s", p.Timeout, maxTimeout)
		}
		if p.Latency < 0 || p.Latency > maxTimeout {
			fault("latency: %s; want at most %s", p.Latency, maxTimeout)
		}
		return errors.Join(append(faults, p.Expires.Check(name+": expires", beacons.Seconds, 0))...)
	})
}

// filled is the probe with what is meant where nothing is said.
func (p Probe) filled() Probe {
	if p.Method == "" {
		p.Method = http.MethodGet
	}
	if len(p.Status) == 0 {
		p.Status = []Status{{200, 299}}
	}
	if p.Timeout == 0 {
		p.Timeout = defaultTimeout
	}
	if p.Failures == 0 {
		p.Failures = defaultFailures
	}
	if p.Passes == 0 {
		p.Passes = defaultPasses
	}
	if p.Expires == nil {
		p.Expires = &beacons.Threshold{Below: beacons.Of((14 * 24 * time.Hour).Seconds(), beacons.Seconds)}
	}
	return p
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon {
	b := &beacon{env: env, probes: map[string]Probe{}}
	for name, p := range c.Probes {
		b.probes[name] = p.filled()
	}
	return b
}
