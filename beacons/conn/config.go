package conn

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

// Bounds of a watch.
const (
	maxList   = 256
	maxWithin = time.Hour
)

// Config is what stands below "conn:": watches under names of the operator's own.
type Config struct {
	Watches map[string]Watch `yaml:",rest"` // a watch; naming one takes away the default
}

// Watch says which sockets are meant, and what is told of them.
type Watch struct {
	Proto      string   `yaml:"proto"`       // tcp or udp; tcp when nothing is said
	Direction  string   `yaml:"direction"`   // in: to a listener of this host; out; any, when nothing is said
	LocalPort  []Ports  `yaml:"local_port"`  // numbers and ranges, such as 22 and 8000-8100
	RemotePort []Ports  `yaml:"remote_port"` // the same
	Local      []Net    `yaml:"local"`       // addresses and networks, such as 10.0.0.0/8; with a '!' those that are not meant
	Remote     []Net    `yaml:"remote"`      // the same
	User       []string `yaml:"user"`        // names or numbers
	Process    []string `yaml:"process"`     // names or paths of programs; '*' as in a shell
	Tell       []string `yaml:"tell"`        // what is told one by one: new, closed, listening, gone
	Rate       *Speed   `yaml:"rate"`        // how fast connections come
	Open       *Number  `yaml:"open"`        // how many are open
}

// Speed is a limit on how fast connections come.
type Speed struct {
	beacons.Threshold
	Within time.Duration `yaml:"within"` // the connections of so long are counted; 10s when nothing is said
	By     string        `yaml:"by"`     // counted by: remote, local_port, remote_port, user, process; all together when nothing is said
}

// Number is a limit on how many connections are open.
type Number struct {
	beacons.Threshold
	States []string `yaml:"states"` // only those in these states, as ss names them; connected ones when nothing is said
	By     string   `yaml:"by"`     // as with rate
}

// Validate leaves everything to Config.Validate, which knows the name.
func (s *Speed) Validate() error { return nil }

// Validate leaves everything to Config.Validate, which knows the name.
func (n *Number) Validate() error { return nil }

func defaults() map[string]Watch {
	return map[string]Watch{"listeners": {Tell: []string{Listening, Gone}}}
}

// Ports is a range of ports, written 22 or 8000-8100.
type Ports struct{ linux.PortRange }

// UnmarshalText reads one.
func (p *Ports) UnmarshalText(text []byte) error {
	first, last, ranged := strings.Cut(string(text), "-")
	a, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	b := a
	if err == nil && ranged {
		b, err = strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	}
	if err != nil || b < a || b == 0 {
		return fmt.Errorf("%q is no port: want 1 to 65535, or a range such as 8000-8100", text)
	}
	p.PortRange = linux.PortRange{First: uint16(a), Last: uint16(b)}
	return nil
}

// Net is a network, or all but one.
type Net struct {
	Not    bool
	Prefix netip.Prefix
}

// UnmarshalText reads an address or a network, with a '!' before it for all others.
func (n *Net) UnmarshalText(text []byte) error {
	s, not := strings.CutPrefix(strings.TrimSpace(string(text)), "!")
	s = strings.TrimSpace(s)
	if addr, err := netip.ParseAddr(s); err == nil {
		*n = Net{not, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())}
		return nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return fmt.Errorf("%q is no address and no network: want such as 192.0.2.7, 10.0.0.0/8, '!127.0.0.0/8' or 2001:db8::/32", text)
	}
	*n = Net{not, p.Masked()}
	return nil
}

var keys = []string{"remote", "local_port", "remote_port", "user", "process"}

// Validate tells what is wrong with the watches.
func (c *Config) Validate() error { return beacons.CheckLimits(c.Watches, checkWatch) }

func checkWatch(name string, w Watch) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
	oneOf := func(option, value string, words ...string) {
		if value != "" && !slices.Contains(words, value) {
			fault("%s: %q; want one of %s", option, value, strings.Join(words, ", "))
		}
	}
	oneOf("proto", w.Proto, "tcp", "udp")
	oneOf("direction", w.Direction, "in", "out", "any")
	for _, t := range w.Tell {
		oneOf("tell", t, New, Closed, Listening, Gone)
	}
	for _, l := range []struct {
		option string
		n      int
	}{{"local_port", len(w.LocalPort)}, {"remote_port", len(w.RemotePort)}, {"local", len(w.Local)}, {"remote", len(w.Remote)}, {"user", len(w.User)}, {"process", len(w.Process)}} {
		if l.n > maxList {
			fault("%s: %d entries; at most %d", l.option, l.n, maxList)
		}
	}
	for _, p := range w.Process {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			fault("process: %q is no pattern", p)
		}
	}
	if len(w.Tell) == 0 && !w.hasRate() && !w.hasOpen() {
		fault("nothing is to be told: want tell, rate or open")
	}
	if r := w.Rate; w.hasRate() {
		oneOf("rate: by", r.By, keys...)
		if r.Within < 0 || r.Within > maxWithin {
			fault("rate: within: %s; want 1s to %s", r.Within, maxWithin)
		}
		faults = append(faults, r.Threshold.Check(name+": rate", beacons.Plain, 0))
	}
	if o := w.Open; w.hasOpen() {
		oneOf("open: by", o.By, keys...)
		for _, s := range o.States {
			oneOf("open: states", s, linux.StateNames()...)
		}
		faults = append(faults, o.Threshold.Check(name+": open", beacons.Plain, 0))
	}
	return errors.Join(faults...)
}

func (w Watch) hasRate() bool { return w.Rate != nil && !w.Rate.Off }

func (w Watch) hasOpen() bool { return w.Open != nil && !w.Open.Off }

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return newBeacon(c, env) }
