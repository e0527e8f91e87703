package cert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"brine/beacons"
)

// retry is when what could not be kept is tried again.
const retry = time.Second

type beacon struct {
	config *Config
	env    beacons.Env
	kick   chan struct{}
	known  map[string]last // by watch and path
	seen   map[string]seen // by watch and endpoint
	limits *beacons.Limits
}

// last is what was seen of a file, kept over a restart.
type last struct {
	SHA256 string `json:"sha256"` // of the first certificate; empty: it could not be read
	Error  string `json:"error"`  // as it was told
}

// Run implements beacons.Beacon: look at every file when one of the folders changes, and once an interval.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	failed := false
	keep := fire
	fire = func(ctx context.Context, signals ...beacons.Signal) error {
		err := keep(ctx, signals...)
		failed = failed || err != nil
		return err
	}
	thresholds := map[string]*beacons.Threshold{}
	for name, w := range b.config.Watches {
		thresholds[name+"/"+Expires] = w.expires()
	}
	if b.limits, err = beacons.NewLimits(b.env, fire, thresholds); err != nil {
		return err
	}
	err = b.env.Baseline.Each("at/", func(key string, value []byte) error {
		var l last
		if json.Unmarshal(value, &l) == nil {
			b.known[strings.TrimPrefix(key, "at/")] = l
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	for _, w := range b.config.Watches {
		for _, pattern := range append(slices.Clone(w.Files), w.Key) {
			if pattern == "" {
				continue
			}
			stop, err := b.listen(pattern)
			if err != nil {
				return err
			}
			defer stop()
		}
	}
	if err := b.readSeen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	answers, done := make(chan []answer), make(chan struct{})
	go func() {
		defer close(done)
		_ = b.endpoints(ctx, answers) // it ends with ctx, and never otherwise
	}()
	defer func() { cancel(); <-done }()
	for {
		failed = false
		if err := b.look(ctx, fire); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		wait := max(b.env.Interval, time.Millisecond)
		if failed { // a limit that was crossed, and could not be kept
			wait = min(wait, retry)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case list := <-answers:
			now := b.env.Now()
			for _, a := range list {
				b.endpoint(ctx, fire, a, now)
			}
		case <-b.kick:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// listen has the folder of a pattern watched.
func (b *beacon) listen(pattern string) (stop func(), err error) {
	base, tree := pattern, false
	for strings.ContainsAny(base, `*?[\`) {
		tree = base != pattern
		base = filepath.Dir(base)
	}
	return b.env.Files.Watch(b.env.Path(base), tree, func(beacons.Note) {
		select {
		case b.kick <- struct{}{}:
		default:
		}
	})
}

func (b *beacon) look(ctx context.Context, fire beacons.Fire) error {
	now := b.env.Now()
	for _, name := range slices.Sorted(maps.Keys(b.config.Watches)) {
		w := b.config.Watches[name]
		here := map[string]bool{}
		for _, pattern := range w.Files {
			found, _ := filepath.Glob(b.env.Path(pattern)) // it has been checked
			for _, full := range found[:min(len(found), maxFiles)] {
				here["/"+strings.TrimPrefix(strings.TrimPrefix(full, b.env.Root), "/")] = true
			}
		}
		for _, path := range slices.Sorted(maps.Keys(here)) {
			if err := b.file(ctx, fire, name, w, path, now); err != nil {
				return err
			}
		}
		for key := range b.known {
			path, ours := strings.CutPrefix(key, name)
			if !ours || !strings.HasPrefix(path, "/") || here[path] {
				continue
			}
			d := Data{Watch: name, Change: Gone, Path: path}
			if err := fire(ctx, beacons.Signal{Tag: name + "/" + Gone, Time: now, Data: d, Set: []beacons.KV{{Key: "at/" + key}}}); err != nil {
				return err
			}
			delete(b.known, key)
		}
		b.limits.Gone(ctx, name+"/"+Expires, now, func(key string) bool { return here[key] || slices.Contains(w.Endpoints, key) }, func(r beacons.Reading) any {
			d := Data{Watch: name, Change: Expires, Path: r.Key, State: r.State(), Since: r.Since}
			if !strings.HasPrefix(r.Key, "/") {
				d.Path, d.Endpoint = "", r.Key
			}
			return d
		})
	}
	return nil
}

// file looks at one file and tells what has changed.
func (b *beacon) file(ctx context.Context, fire beacons.Fire, name string, w Watch, path string, now time.Time) error {
	key := name + path
	was, known := b.known[key]
	d := Data{Watch: name, Path: path}
	text, err := readFile(b.env.Path(path))
	next := last{SHA256: was.SHA256}
	if err == nil {
		first, notAfter, wrong := parse(text)
		if err = wrong; err == nil {
			d.describe(first, notAfter, now)
			next.SHA256 = d.SHA256
			b.limits.Step(ctx, name+"/"+Expires, path, now, notAfter.Sub(now).Seconds(), func(r beacons.Reading) any {
				e := d
				e.Change, e.State, e.Since = Expires, r.State(), r.Since
				return e
			})
		}
	}
	change := ""
	switch {
	case err != nil:
		next.Error, change = plain(err), Unreadable
	case w.Key != "":
		if err := b.compare(text, w.Key); err != nil {
			next.Error, change = plain(err), Mismatch
		}
	}
	if next == was && known {
		return nil
	}
	var signals []beacons.Signal
	if known && was.SHA256 != "" && next.SHA256 != was.SHA256 {
		r := d
		r.Change, r.Before = Replaced, was.SHA256
		signals = append(signals, beacons.Signal{Tag: name + "/" + Replaced, Time: now, Data: r})
	}
	if change != "" && next.Error != was.Error {
		e := d
		e.Change, e.Error = change, next.Error
		signals = append(signals, beacons.Signal{Tag: name + "/" + change, Time: now, Data: e})
	}
	if len(signals) == 0 {
		signals = []beacons.Signal{{}}
	}
	value, _ := json.Marshal(next) // text
	signals[len(signals)-1].Set = []beacons.KV{{Key: "at/" + key, Value: value}}
	if err := fire(ctx, signals...); err != nil {
		return err
	}
	b.known[key] = next
	return nil
}

func (b *beacon) compare(text []byte, key string) error {
	other, err := readFile(b.env.Path(key))
	if err != nil {
		return err
	}
	return fits(text, other)
}

// plain is an error without the path below the root.
func plain(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
