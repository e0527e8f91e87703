package log

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"brine/beacons"
)

// Bounds of a configuration.
const (
	maxFiles       = 512 // that one beacon follows
	maxPatterns    = 64  // of a watch
	maxExpr        = 4096
	maxWithin      = time.Hour
	defaultWithin  = time.Minute
	defaultMost    = 60 // matches of a pattern told one by one within paceWindow
	maxMost        = 10_000
	paceWindow     = time.Minute
	minLine        = 64
	maxLine        = 256 << 10
	defaultLine    = 16 << 10
	defaultLines   = 200
	maxLines       = 10_000
	defaultWait    = time.Second
	maxWait        = time.Minute
	fromEnd        = "end"
	fromBeginning  = "beginning"
	maxFilesOption = 64
)

// Config is what stands below "log:": watches under names of the operator's own.
type Config struct {
	Watches map[string]Watch `yaml:",rest"` // a watch; naming one takes away the default
}

// Watch says which files are read, and for what.
type Watch struct {
	Files     []string           `yaml:"files,required"`    // paths; '*', '?' and '[...]' as in a shell
	Patterns  map[string]Pattern `yaml:"patterns,required"` // what is looked for, under names of your own
	From      string             `yaml:"from"`              // where a file that is there at the very first start is read from: end or beginning; end when nothing is said
	Multiline *Multiline         `yaml:"multiline"`         // records of several lines
	MaxLine   *beacons.Quantity  `yaml:"max_line"`          // of a line or record: 64B to 256KiB; 16KiB when nothing is said
}

// Multiline says how lines become records.
type Multiline struct {
	Start Regexp        `yaml:"start,required"` // matches the first line of each record
	Lines int           `yaml:"lines"`          // of a record at most; 200 when nothing is said
	Wait  time.Duration `yaml:"wait"`           // a record is whole when nothing follows for so long; 1s when nothing is said
}

// Pattern is what is looked for.
type Pattern struct {
	Match  Regexp  `yaml:"match,required"` // a regular expression (RE2); its named groups, (?P<name>...), are told
	Except *Regexp `yaml:"except"`         // not what this one matches as well
	Most   *int    `yaml:"most"`           // told one by one within a minute; the rest is counted; 60 when nothing is said; 0 tells none
	Rate   *Speed  `yaml:"rate"`           // how fast matches come
}

// Speed is a limit on how fast matches come.
type Speed struct {
	beacons.Threshold
	Within time.Duration `yaml:"within"` // the matches of so long are counted; 1m when nothing is said
	By     string        `yaml:"by"`     // counted by this group of the pattern; all together when nothing is said
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

func defaults() map[string]Watch {
	failed := regexp.MustCompile(`sshd(?:-session)?\[\d+\]: Failed \S+ for (?:invalid user )?(?P<user>\S+) from (?P<address>\S+)`)
	return map[string]Watch{"auth": {
		Files: []string{"/var/log/auth.log", "/var/log/secure"},
		Patterns: map[string]Pattern{"failed": {Match: Regexp{failed}, Most: new(int),
			Rate: &Speed{Threshold: beacons.Threshold{Above: beacons.Of(5, beacons.Plain)}, Within: time.Minute, By: "address"}}},
	}}
}

// Validate tells what is wrong with the watches.
func (c *Config) Validate() error { return beacons.CheckLimits(c.Watches, checkWatch) }

func checkWatch(name string, w Watch) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
	if len(w.Files) == 0 || len(w.Files) > maxFilesOption {
		fault("files: %d entries; want 1 to %d", len(w.Files), maxFilesOption)
	}
	for _, f := range w.Files {
		if _, err := filepath.Match(f, ""); err != nil || !filepath.IsAbs(f) {
			fault("files: %q is no absolute path or pattern", f)
		}
	}
	if w.From != "" && w.From != fromEnd && w.From != fromBeginning {
		fault("from: %q; want end or beginning", w.From)
	}
	if q := w.MaxLine; q != nil && (q.Unit != beacons.Bytes || q.Value < minLine || q.Value > maxLine) {
		fault("max_line: %s; want 64B to 256KiB", q)
	}
	if m := w.Multiline; m != nil {
		if m.Lines < 0 || m.Lines > maxLines {
			fault("multiline: lines: %d; want 1 to %d", m.Lines, maxLines)
		}
		if m.Wait < 0 || m.Wait > maxWait {
			fault("multiline: wait: %s; want at most %s", m.Wait, maxWait)
		}
	}
	if len(w.Patterns) > maxPatterns {
		fault("patterns: %d of them; at most %d", len(w.Patterns), maxPatterns)
	} else if err := beacons.CheckLimits(w.Patterns, checkPattern); err != nil {
		fault("patterns: %w", err)
	}
	return errors.Join(faults...)
}

func checkPattern(name string, p Pattern) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
	if name == "lost" {
		fault("is what a file that cannot be read is told under: choose another name")
	}
	if p.Most != nil && (*p.Most < 0 || *p.Most > maxMost) {
		fault("most: %d; want 0 to %d", *p.Most, maxMost)
	}
	if !p.hasRate() {
		return errors.Join(faults...)
	}
	if r := p.Rate; r.Within != 0 && r.Within < time.Second || r.Within > maxWithin {
		fault("rate: within: %s; want 1s to %s", r.Within, maxWithin)
	}
	if by := p.Rate.By; by != "" && p.Match.Regexp != nil && !slices.Contains(p.Match.SubexpNames(), by) {
		fault("rate: by: %q is no group of the pattern; want one of %s", by, strings.Join(groupNames(p.Match), ", "))
	}
	return errors.Join(append(faults, p.Rate.Threshold.Check(name+": rate", beacons.Plain, 0))...)
}

func groupNames(r Regexp) (names []string) {
	for _, n := range r.SubexpNames() {
		if n != "" {
			names = append(names, n)
		}
	}
	return names
}

func (p Pattern) hasRate() bool { return p.Rate != nil && !p.Rate.Off }

func (p Pattern) most() int {
	if p.Most == nil {
		return defaultMost
	}
	return *p.Most
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon {
	b := &beacon{env: env, dirty: map[string]bool{}, kick: make(chan struct{}, 1)}
	for _, name := range slices.Sorted(maps.Keys(c.Watches)) {
		b.watches = append(b.watches, newWatcher(b, name, c.Watches[name]))
	}
	return b
}
