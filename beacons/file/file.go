// Package file is the beacon that sees what becomes of files and folders: written, replaced, removed, made, given another
// owner or mode, while it runs or while it did not. It owns the comparison of what is there with what was last seen, and must never
// know a rule, a state or the bus.
package file

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

const (
	// DefaultSettle is how long a name may be gone, or a file whose writers cannot be seen be changing, before that is told as it is.
	DefaultSettle = 50 * time.Millisecond
	// DefaultEvery is the time between two comparisons of everything, the net below the events.
	DefaultEvery = time.Minute
	// MaxSettle bounds settle.
	MaxSettle = time.Minute
	// MinEvery and MaxEvery bound every, where it is not 0.
	MinEvery = time.Second
	// MaxEvery is one week.
	MaxEvery = 7 * 24 * time.Hour
	// MaxPaths bounds the configured paths.
	MaxPaths = 10_000
)

// Module describes the beacon "file".
func Module() beacons.Module {
	return beacons.Module{
		Name:   "file",
		Sample: sample,
		Data:   Data{},
		Config: func() beacons.Config { return &Config{} },
		Owns:   true,
		Purpose: "Sees what becomes of files and folders: written, replaced, removed, made, given another owner or mode, while it runs " +
			"or while it did not.",
		Tags: tags(),
		Cost: "One kernel watch (about 1 KiB of kernel memory) for each folder on the way to a path, and for each folder of a tree; about 300 " +
			"bytes of memory for each file; reading a file whose stamps have changed; one lstat(2) a file for each periodic comparison.",
		Permissions: "Reading what is watched. Without root, or CAP_LEASE, files of other owners cannot be asked for writers, so that they " +
			"are told when the settle time is over; of what may not be read, content is compared by size and modification time, and sha256 is " +
			"empty. While a file is asked for writers, for some microseconds, a program that opens it for writing is made to wait, one that " +
			"does so with O_NONBLOCK may be refused with EWOULDBLOCK.",
		Blind: "Access times; at once what inotify does not tell (a write through mmap or through a hard link in another folder, a change " +
			"by another machine on a network file system), only at the next periodic comparison; a change that was undone before it was " +
			"looked at.",
	}
}

// Config is what stands below "file:".
type Config struct {
	Paths map[string]Options `yaml:"paths,required"` // by absolute path: what is watched, a file or a folder
}

// Options are those of one path. What the file leaves out has its default.
type Options struct {
	Recurse bool           `yaml:"recurse"` // a folder with everything below it; else its direct entries
	Settle  *time.Duration `yaml:"settle"`  // 50ms; 0s tells what goes at once, and gives writers 5 ms
	Every   *time.Duration `yaml:"every"`   // 1m; how often everything is compared, 0s: never but at the start
	Include []string       `yaml:"include"` // of a folder, only what matches one of these; empty: everything
	Exclude []string       `yaml:"exclude"` // of a folder, not what matches one of these, nor anything below
	Diff    bool           `yaml:"diff"`    // events say how text differs: see MaxDiffInput
	Renames bool           `yaml:"renames"` // a file renamed within the path is one event, under its new name

	link bool // a link is not followed
}

func (o Options) settle() time.Duration { return or(o.Settle, DefaultSettle) }
func (o Options) every() time.Duration  { return or(o.Every, DefaultEvery) }

func or(d *time.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return *d
}

// Validate tells everything that is wrong with the configuration.
func (c *Config) Validate() error {
	var faults []error
	if len(c.Paths) > MaxPaths {
		faults = append(faults, fmt.Errorf("paths: %d paths; at most %d (watch folders instead)", len(c.Paths), MaxPaths))
	}
	for _, p := range c.sorted() {
		if err := c.Paths[p].validate(p); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func (o Options) validate(p string) error {
	switch {
	case !path.IsAbs(p):
		return fmt.Errorf("paths: %q is not absolute", p)
	case path.Clean(p) != p:
		return fmt.Errorf("paths: %q is not in its shortest form, %q", p, path.Clean(p))
	case strings.ContainsRune(p, 0):
		return fmt.Errorf("paths: %q holds a zero byte", p)
	case p == "/" && o.Recurse:
		return fmt.Errorf("paths: %q: recurse would watch the kernel's own files; name the folders below it", p)
	case slices.Contains([]string{"proc", "sys"}, strings.Split(p, "/")[1]):
		return fmt.Errorf("paths: %q is the kernel's own: it tells nothing of changes there", p)
	}
	for option, patterns := range map[string][]string{"include": o.Include, "exclude": o.Exclude} {
		if err := checkPatterns(option, patterns); err != nil {
			return fmt.Errorf("paths: %q: %w", p, err)
		}
	}
	if s := o.settle(); s < 0 || s > MaxSettle {
		return fmt.Errorf("paths: %q: settle is %s; want 0s to %s", p, s, MaxSettle)
	}
	if e := o.every(); e != 0 && (e < MinEvery || e > MaxEvery) {
		return fmt.Errorf("paths: %q: every is %s; want 0s (never) or %s to %s", p, e, MinEvery, MaxEvery)
	}
	return nil
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon {
	return &beacon{config: c, env: env, orders: orders{wake: make(chan struct{}, 1)}}
}

func (c *Config) sorted() []string {
	paths := make([]string, 0, len(c.Paths))
	for p := range c.Paths {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}
