package journal

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/beacons"
)

// Bounds of a configuration.
const (
	defaultProgram = "/usr/bin/journalctl"
	maxExpr        = 4096
	maxWithin      = time.Hour
	defaultWithin  = time.Minute
	defaultMost    = 60 // matches of a watch told one by one within paceWindow
	maxMost        = 10_000
	paceWindow     = time.Minute
)

// Config is what stands below "journal:".
type Config struct {
	Program string           `yaml:"program"` // journalctl; its path
	Watches map[string]Watch `yaml:",rest"`   // a watch; naming one takes away the defaults
}

// Watch says which records are told. What is left out means all.
type Watch struct {
	Units       []string  `yaml:"units"`       // systemd's units; '*', '?' and '[...]' as in a shell, '!' takes away
	Identifiers []string  `yaml:"identifiers"` // what programs call themselves; the same
	Priority    *Priority `yaml:"priority"`    // at most: emerg, alert, crit, err, warning, notice, info, debug, or 0 to 7
	Match       *Regexp   `yaml:"match"`       // a regular expression (RE2) for the message; its named groups, (?P<name>...), are told
	Except      *Regexp   `yaml:"except"`      // not what this one matches as well
	Most        *int      `yaml:"most"`        // told one by one within a minute; the rest is counted; 60 when nothing is said; 0 tells none
	Rate        *Speed    `yaml:"rate"`        // how fast matches come
}

// Speed is a limit on how fast matches come.
type Speed struct {
	beacons.Threshold
	Within time.Duration `yaml:"within"` // the matches of so long are counted; 1m when nothing is said
	By     string        `yaml:"by"`     // counted by this group of the pattern, or by unit or identifier; all together when nothing is said
}

// Validate leaves everything to Config.Validate, which knows the name.
func (s *Speed) Validate() error { return nil }

// Regexp is a regular expression in RE2's syntax.
type Regexp struct{ *regexp.Regexp }

// UnmarshalText reads one.
func (r *Regexp) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 || len(text) > maxExpr {
		return fmt.Errorf("the expression has %d bytes; want 1 to %d", len(text), maxExpr)
	}
	if r.Regexp, err = regexp.Compile(string(text)); err != nil {
		return fmt.Errorf("%w: RE2 has no look-ahead and no back references", err)
	}
	return nil
}

// Priority is one of syslog's, 0 to 7.
type Priority int

// UnmarshalText reads one, by name or number.
func (p *Priority) UnmarshalText(text []byte) error {
	names := []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
	i := slices.Index(names, string(text))
	if n, err := strconv.Atoi(string(text)); err == nil && n >= 0 && n < len(names) {
		i = n
	}
	if i < 0 {
		return fmt.Errorf("%.40q is no priority; want one of %s, or 0 to 7", text, strings.Join(names, ", "))
	}
	*p = Priority(i)
	return nil
}

func defaults() map[string]Watch {
	failed := regexp.MustCompile(`^Failed \S+ for (?:invalid user )?(?P<user>\S+) from (?P<address>\S+)`)
	crit, most := Priority(2), 20
	return map[string]Watch{
		"auth": {Units: []string{"ssh.service", "sshd.service", "ssh@*.service", "sshd@*.service"}, Match: &Regexp{failed}, Most: new(int),
			Rate: &Speed{Threshold: beacons.Threshold{Above: beacons.Of(5, beacons.Plain)}, Within: time.Minute, By: "address"}},
		"critical": {Priority: &crit, Most: &most},
	}
}

// Validate tells what is wrong with the options.
func (c *Config) Validate() error {
	var faults []error
	if !filepath.IsAbs(c.Program) || strings.ContainsRune(c.Program, 0) {
		faults = append(faults, fmt.Errorf("program: %q is no absolute path", c.Program))
	}
	return errors.Join(append(faults, beacons.CheckLimits(c.Watches, checkWatch))...)
}

func checkWatch(name string, w Watch) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
	if name == Lost {
		fault("is what a record that cannot be read is told under: choose another name")
	}
	if w.Units != nil {
		faults = append(faults, beacons.CheckMeans(name+": units", w.Units))
	}
	if w.Identifiers != nil {
		faults = append(faults, beacons.CheckMeans(name+": identifiers", w.Identifiers))
	}
	if w.Most != nil && (*w.Most < 0 || *w.Most > maxMost) {
		fault("most: %d; want 0 to %d", *w.Most, maxMost)
	}
	if w.hasRate() {
		if r := w.Rate; r.Within != 0 && r.Within < time.Second || r.Within > maxWithin {
			fault("rate: within: %s; want 1s to %s", r.Within, maxWithin)
		}
		if want := append(w.groups(), "unit", "identifier"); w.Rate.By != "" && !slices.Contains(want, w.Rate.By) {
			fault("rate: by: %q; want one of %s", w.Rate.By, strings.Join(want, ", "))
		}
		faults = append(faults, w.Rate.Threshold.Check(name+": rate", beacons.Plain, 0))
	}
	return errors.Join(faults...)
}

// groups are the names of the pattern's groups.
func (w Watch) groups() (names []string) {
	if w.Match == nil || w.Match.Regexp == nil {
		return nil
	}
	return slices.DeleteFunc(w.Match.SubexpNames(), func(n string) bool { return n == "" })
}

func (w Watch) hasRate() bool { return w.Rate != nil && !w.Rate.Off }

func (w Watch) most() int {
	if w.Most == nil {
		return defaultMost
	}
	return *w.Most
}

func (w Watch) within() time.Duration {
	if w.Rate.Within == 0 {
		return defaultWithin
	}
	return w.Rate.Within
}

// Programs implements beacons.Commanding: journalctl itself is no program of somebody's choice.
func (c *Config) Programs() []beacons.Program {
	if c.Program == defaultProgram {
		return nil
	}
	return []beacons.Program{{Argv: []string{c.Program}}}
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon {
	b := &beacon{env: env, program: c.Program}
	for _, name := range slices.Sorted(maps.Keys(c.Watches)) {
		w := &watcher{Watch: c.Watches[name], name: name, key: "pace/" + name, limit: name + "/" + Rate}
		if w.hasRate() {
			w.speeds = beacons.NewSpeeds(w.within())
		}
		b.watches = append(b.watches, w)
	}
	return b
}
