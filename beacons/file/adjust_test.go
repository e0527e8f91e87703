package file

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
)

// adjusted starts the beacon and gives what hands it other options: it returns when they are in force, known by the marker of a path of its own.
func adjusted(t *testing.T, root string, s *store, c *Config, settings ...setting) (*life, func(*Config)) {
	t.Helper()
	l := begin(t, root, s, c, settings...)
	b := l.beacon.(beacons.Adjustable)
	n := 0
	return l, func(c *Config) {
		t.Helper()
		n++
		mark := fmt.Sprintf("/mark%d", n)
		next := &Config{Paths: maps.Clone(c.Paths)}
		next.Paths[probes] = Options{Settle: ptr(time.Duration(0))}
		next.Paths[mark] = Options{}
		must(t, next.Validate())
		if !b.Adjust(next) {
			t.Fatal("the beacon does not take other options")
		}
		s.until(t, "the new options", func() bool { return s.kept[keyRoot+mark] != nil })
	}
}

// keys are the baselines of what lies below a path.
func (s *store) keys(below string) (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.kept {
		if strings.HasPrefix(k[2:], below) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// What covers a file may change without its being told, and what happens to it afterwards is told once, whoever covers it.
func TestAdjustedCoverage(t *testing.T) {
	flat, tree, quick := Options{}, Options{Recurse: true}, Options{Settle: ptr(time.Duration(0))}
	for name, c := range map[string]struct {
		from, to map[string]Options
		told     []string // of writing /t/f, /t/sub/f and /other in this order, after the change
		keys     []string // below /t
	}{
		"a path is added":         {map[string]Options{"/t/f": flat}, map[string]Options{"/t/f": flat, "/other": flat}, []string{"modified /t/f", "modified /other"}, []string{"e:/t/f", "r:/t/f"}},
		"a path is removed":       {map[string]Options{"/t/f": flat, "/other": flat}, map[string]Options{"/other": flat}, []string{"modified /other"}, nil},
		"a file out of a folder":  {map[string]Options{"/t": flat}, map[string]Options{"/t/f": flat}, []string{"modified /t/f"}, []string{"e:/t/f", "r:/t/f"}},
		"a file beside a folder":  {map[string]Options{"/t": flat}, map[string]Options{"/t": flat, "/t/f": quick}, []string{"modified /t/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "r:/t", "r:/t/f"}},
		"back into the folder":    {map[string]Options{"/t": flat, "/t/f": quick}, map[string]Options{"/t": flat}, []string{"modified /t/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "r:/t"}},
		"a folder becomes a tree": {map[string]Options{"/t": flat}, map[string]Options{"/t": tree}, []string{"modified /t/f", "modified /t/sub/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "e:/t/sub/f", "r:/t"}},
		"a tree becomes a folder": {map[string]Options{"/t": tree}, map[string]Options{"/t": flat}, []string{"modified /t/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "r:/t"}},
		"a tree within a tree":    {map[string]Options{"/t": tree}, map[string]Options{"/t": tree, "/t/sub": tree}, []string{"modified /t/f", "modified /t/sub/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "e:/t/sub/f", "r:/t", "r:/t/sub"}},
		"and out of it":           {map[string]Options{"/t": tree, "/t/sub": tree}, map[string]Options{"/t": tree}, []string{"modified /t/f", "modified /t/sub/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "e:/t/sub/f", "r:/t"}},
		"less is included":        {map[string]Options{"/t": tree}, map[string]Options{"/t": {Recurse: true, Include: []string{"g"}}}, nil, []string{"e:/t", "e:/t/sub", "r:/t"}},
		"more is included":        {map[string]Options{"/t": {Include: []string{"g"}}}, map[string]Options{"/t": flat}, []string{"modified /t/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "r:/t"}},
		"something is excluded":   {map[string]Options{"/t": tree}, map[string]Options{"/t": {Recurse: true, Exclude: []string{"sub"}}}, []string{"modified /t/f"}, []string{"e:/t", "e:/t/f", "r:/t"}},
		"no longer":               {map[string]Options{"/t": {Recurse: true, Exclude: []string{"sub"}}}, map[string]Options{"/t": tree}, []string{"modified /t/f", "modified /t/sub/f"}, []string{"e:/t", "e:/t/f", "e:/t/sub", "e:/t/sub/f", "r:/t"}},
		"a link by its folder":    {map[string]Options{"/l": flat}, map[string]Options{"/": flat}, []string{"modified /other"}, []string{"e:/t"}},
		"a link out of it":        {map[string]Options{"/": flat}, map[string]Options{"/l": flat}, []string{"modified /l"}, nil},
		"a link itself":           {map[string]Options{"/l": flat}, map[string]Options{"/l": {link: true}}, nil, nil},
		"what a link leads to":    {map[string]Options{"/l": {link: true}}, map[string]Options{"/l": flat}, []string{"modified /l"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			command(t, root, "sh", "-c", "mkdir -p t/sub; echo 1 > t/f; echo 1 > t/sub/f; echo 1 > other; ln -s t/f l")
			s := newStore()
			l, adjust := adjusted(t, root, s, &Config{Paths: maps.Clone(c.from)})
			adjust(&Config{Paths: c.to})
			if got := l.changes(); len(got) > 0 {
				t.Errorf("told by the change of options: %q", got)
			}
			var got []string
			for _, p := range []string{"/t/f", "/t/sub/f", "/other"} {
				put(t, l.at(p), "2\n")
				got = append(got, l.changes()...)
			}
			if !slices.Equal(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
			if got := s.keys("/t"); !slices.Equal(got, c.keys) {
				t.Errorf("kept %q, want %q", got, c.keys)
			}
			l.stop()
			l = begin(t, root, s, &Config{Paths: maps.Clone(c.to)})
			if got := l.changes(); len(got) > 0 {
				t.Errorf("told by a start after it: %q", got)
			}
		})
	}
}

// What happens to a file while the options of other paths change, its own among them, is told, and told once.
func TestAdjustedWithoutGap(t *testing.T) {
	root := t.TempDir()
	command(t, root, "sh", "-c", "mkdir -p a b; echo 0 > a/f; echo 0 > a/moved")
	s := newStore()
	quick := Options{Settle: ptr(time.Duration(0))}
	l, adjust := adjusted(t, root, s, &Config{Paths: map[string]Options{"/a/f": quick, "/a": {}}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			_ = os.WriteFile(l.at("/a/f"), fmt.Appendf(nil, "%d\n", n), 0o644)
			_ = os.WriteFile(l.at("/a/moved"), fmt.Appendf(nil, "%d\n", n), 0o644)
		}
	})
	for n := range 100 {
		c := &Config{Paths: map[string]Options{"/a/f": quick, "/a": {Recurse: n%3 == 0}}}
		for i := range rand.IntN(5) {
			c.Paths[fmt.Sprintf("/b/%d", i)] = Options{}
		}
		if n%2 == 0 {
			c.Paths["/a/moved"] = quick // covered by its folder otherwise
		}
		adjust(c)
	}
	cancel()
	wg.Wait()
	put(t, l.at("/a/f"), "the last")
	put(t, l.at("/a/moved"), "the last")
	l.settle()
	last := map[string]*Stat{}
	for _, g := range l.take() {
		d := g.Data.(Data)
		switch before := last[d.Path]; {
		case strings.HasPrefix(d.Path, probes):
			continue
		case d.Change == Rescan || d.Change == Unwatched || d.After == nil:
			t.Errorf("told %s %s %s", d.Change, d.Path, d.Reason)
		case before != nil && (d.Before == nil || d.Before.SHA256 != before.SHA256):
			t.Errorf("%s: told from %v, and before that as %v: something was lost or told twice", d.Path, d.Before, before)
		case before != nil && *before == *d.After:
			t.Errorf("%s: %v was told twice", d.Path, d.After)
		}
		last[d.Path] = d.After
	}
	for _, p := range []string{"/a/f", "/a/moved"} {
		if last[p] == nil || last[p].SHA256 != l.sum("the last") {
			t.Errorf("%s: the last that was told is %v", p, last[p])
		}
	}
	if got := s.keys("/b/"); len(got) > 4 {
		t.Errorf("still kept: %q", got)
	}
}

// Who is added or taken away costs the others nothing: no look, no read, no watch.
func TestAdjustedAlone(t *testing.T) {
	const files = 10_000
	root := t.TempDir()
	must(t, os.Mkdir(filepath.Join(root, "d"), 0o755))
	c := &Config{Paths: map[string]Options{}}
	for n := range files - 10 { // with the probes and what the test adds: MaxPaths
		p := fmt.Sprintf("/d/%d", n)
		put(t, filepath.Join(root, p), "1")
		c.Paths[p] = Options{}
	}
	put(t, filepath.Join(root, "new"), "1")
	time.Sleep(time.Duration(racyWindow)) // what is read right after it was written is read again when it is compared
	counted := &counting{}
	l, adjust := adjusted(t, root, newStore(), c, counted.in)
	l.settle()
	watches, opens := counted.watches.Load(), beacontest.WatchOpens(t)
	next := &Config{Paths: maps.Clone(c.Paths)}
	next.Paths["/new"] = Options{}
	adjust(next)
	l.settle()
	delete(next.Paths, "/d/7")
	adjust(next)
	got := opens()
	if n := slices.IndexFunc(got, func(p string) bool { return strings.HasPrefix(p, filepath.Join(root, "d")) }); n >= 0 {
		t.Errorf("%d files were opened, %q for one", len(got), got[n])
	}
	if n := counted.watches.Load() - watches; n != 3 {
		t.Errorf("%d paths were watched anew; want the new one, and a mark for each change", n)
	}
}
