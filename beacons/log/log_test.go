package log

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	"brine/internal/config"
	"brine/internal/watch"
)

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func begun(kept map[string][]byte) bool { return len(kept) > 0 }

const auth = "var/log/auth.log"

const failed = "Mar  1 10:00:00 web1 sshd[811]: Failed password for invalid user admin from 192.0.2.7 port 50112 ssh2\n"

func TestConformance(t *testing.T) {
	setup := func(t *testing.T, root string) { beacontest.Write(t, root, auth, failed) }
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "a line", Config: `auth: {files: [/var/log/*.log], patterns: {failed: {match: 'Failed .* from (?P<address>\S+)'}, root: {match: 'for root'}}}`,
			Setup: setup, Ready: begun, Tags: []string{"auth/failed"},
			Act: func(t *testing.T, root string) {
				appendTo(t, filepath.Join(root, auth), failed+"another line\nanother one, not whole yet, Failed")
			}},
		beacontest.Case{Name: "too many in a minute", Config: `auth: {files: /var/log/auth.log, patterns: {failed: {match: Failed, most: 0, rate: {above: 2, within: 1h}}}}`,
			Setup: setup, Ready: begun, Tags: []string{"auth/failed/rate"},
			Act: func(t *testing.T, root string) {
				appendTo(t, filepath.Join(root, auth), strings.Repeat(failed, 5))
			}},
		beacontest.Case{Name: "rotated", Config: `auth: {files: /var/log/auth.log, patterns: {failed: {match: Failed}}}`,
			Setup: setup, Ready: begun, Tags: []string{"auth/failed", "auth/failed"},
			Act: func(t *testing.T, root string) {
				path := filepath.Join(root, auth)
				appendTo(t, path, failed)
				must(t, os.Rename(path, path+".1"))
				appendTo(t, path, failed)
			}},
	)
}

// host runs the beacon again and again over the same baselines; each fire may fail, as if the minion had been killed then.
type host struct {
	t    *testing.T
	root string
	mu   sync.Mutex
	kept map[string][]byte
	got  []Data
	told chan struct{}
	fail func() bool
}

func newHost(t *testing.T) *host {
	return &host{t: t, root: t.TempDir(), kept: map[string][]byte{}, told: make(chan struct{}, 1), fail: func() bool { return false }}
}

func (h *host) Get(key string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept[key], nil
}

func (h *host) Each(prefix string, f func(string, []byte) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k, v := range h.kept {
		if strings.HasPrefix(k, prefix) {
			if err := f(k, v); err != nil {
				return err
			}
		}
	}
	return nil
}

var errKilled = errors.New("killed")

func (h *host) fire(_ context.Context, signals ...beacons.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail() {
		return errKilled
	}
	for _, s := range signals {
		for _, kv := range s.Set {
			if h.kept[kv.Key] = kv.Value; kv.Value == nil {
				delete(h.kept, kv.Key)
			}
		}
		if d, ok := s.Data.(Data); ok {
			h.got = append(h.got, d)
		}
	}
	select {
	case h.told <- struct{}{}:
	default:
	}
	return nil
}

func (h *host) start(options string) (stop func()) {
	h.t.Helper()
	c := Module().Config()
	n, faults := config.Parse("case.yaml", []byte(options))
	must(h.t, errors.Join(faults.Err(), n.Decode(c).Err()))
	files, err := watch.New(slog.New(slog.DiscardHandler))
	must(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	env := beacons.Env{Root: h.root, Log: slog.New(slog.DiscardHandler), Files: files, Baseline: h, Now: time.Now}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := c.Beacon(env).Run(ctx, h.fire); err != nil && !errors.Is(err, errKilled) {
				h.t.Error(err)
			}
		}
	}()
	return func() { cancel(); <-done; must(h.t, files.Close()) }
}

// until waits for what has been told to be what is wanted.
func (h *host) until(what string, ok func([]Data) bool) []Data {
	h.t.Helper()
	limit := time.After(beacontest.Patience)
	for {
		h.mu.Lock()
		got := slices.Clone(h.got)
		h.mu.Unlock()
		if ok(got) {
			return got
		}
		select {
		case <-h.told:
		case <-limit:
			h.t.Fatalf("%s: told %d: %+v", what, len(got), got[max(len(got)-3, 0):])
		}
	}
}

func lines(got []Data) (list []string) {
	for _, d := range got {
		if d.Change == Match {
			list = append(list, d.Line)
		} else {
			list = append(list, d.Change+": "+d.Reason)
		}
	}
	return list
}

func (h *host) lines(want ...string) []Data {
	h.t.Helper()
	return h.until("want "+strings.Join(want, " | "), func(got []Data) bool { return slices.Equal(lines(got), want) })
}

const all = `w: {files: [/log/app.log], patterns: {any: {match: '.', most: 10000}}}`

func (h *host) app() string { return filepath.Join(h.root, "log/app.log") }

func TestWrittenWhileDown(t *testing.T) {
	for _, c := range []struct {
		what string
		down func(t *testing.T, path string)
		want []string
	}{
		{"more lines", func(t *testing.T, p string) { appendTo(t, p, "two\n") }, []string{"two"}},
		{"rotated", func(t *testing.T, p string) {
			appendTo(t, p, "two\n")
			must(t, os.Rename(p, p+".1"))
			appendTo(t, p, "three\n")
		}, []string{"two", "three"}},
		{"copied and truncated", func(t *testing.T, p string) {
			appendTo(t, p, "two\n")
			text, err := os.ReadFile(p)
			must(t, errors.Join(err, os.WriteFile(p+".1", text, 0o644), os.Truncate(p, 0)))
			appendTo(t, p, "a line that is longer than everything before\n")
		}, []string{"two", "a line that is longer than everything before"}},
		{"rotated twice", func(t *testing.T, p string) {
			appendTo(t, p, "two\n")
			must(t, os.Rename(p, p+".2"))
			appendTo(t, p+".1", "three\n")
			later := time.Now().Add(time.Second)
			must(t, os.Chtimes(p+".1", later, later))
			appendTo(t, p, "four\n")
		}, []string{"two", "three", "four"}},
		{"rotated, and nothing new yet", func(t *testing.T, p string) {
			appendTo(t, p, "two\n")
			must(t, os.Rename(p, p+".1"))
		}, []string{"two"}},
		{"removed", func(t *testing.T, p string) {
			must(t, os.Remove(p))
			appendTo(t, p, "new\n")
		}, []string{"new", "lost: what was rotated away while nobody read it is not found: its last lines are not read"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			h := newHost(t)
			beacontest.Write(t, h.root, "log/app.log", "before\n")
			stop := h.start(all)
			h.until("begun", func([]Data) bool { return true })
			<-h.told
			appendTo(t, h.app(), "one\n")
			h.lines("one")
			stop()
			c.down(t, h.app())
			h.got = nil
			stop = h.start(all)
			h.lines(c.want...)
			stop()
			h.got = nil
			defer h.start(all)()
			appendTo(t, h.app(), "last\n")
			h.lines("last")
		})
	}
}

// A writer keeps on, rotates in both ways, and the beacon is killed at any time: each line is told once.
func TestNothingLostNothingTwice(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	chance := func(n int) bool { mu.Lock(); defer mu.Unlock(); return r.IntN(n) == 0 }
	h := newHost(t)
	beacontest.Write(t, h.root, "log/app.log", "")
	stop := h.start(all)
	<-h.told
	h.mu.Lock()
	h.fail = func() bool { return chance(4) }
	h.mu.Unlock()
	const total = 2000
	rotations, first := 0, 0
	for i := range total {
		appendTo(t, h.app(), fmt.Sprintf("line %d of a log that is rotated\n", i))
		if !chance(60) {
			continue
		}
		h.until("its first line", func(got []Data) bool { return len(got) > first }) // a file of which nothing was read cannot be told from its copy
		rotations++
		if kept := fmt.Sprintf("%s.%d", h.app(), rotations); chance(2) {
			must(t, os.Rename(h.app(), kept))
		} else {
			text, err := os.ReadFile(h.app())
			must(t, errors.Join(err, os.WriteFile(kept, text, 0o644), os.Truncate(h.app(), 0)))
		}
		if chance(3) {
			stop()
			stop = h.start(all)
		}
		read := i + 1
		first = read // two rotations within one look are another test's
		h.until("each line", func(got []Data) bool { return len(got) >= read })
	}
	defer func() { stop() }()
	got := lines(h.until("all", func(got []Data) bool { return len(got) >= total }))
	for i, l := range got {
		if want := fmt.Sprintf("line %d of a log that is rotated", i); l != want {
			t.Fatalf("%d: %q, want %q", i, l, want)
		}
	}
}

func TestRecordsOfSeveralLines(t *testing.T) {
	h := newHost(t)
	beacontest.Write(t, h.root, "log/app.log", "")
	defer h.start(`w: {files: /log/app.log, max_line: 100B, multiline: {start: '^\d', wait: 50ms}, patterns: {e: {match: '(?s)^\d (?P<what>\w+).*Trace', except: 'quiet'}}}`)()
	<-h.told
	appendTo(t, h.app(), "1 first\n  Trace a\n  b\n2 second\n3 third quiet\n Trace\n4 fourth\n Tra")
	appendTo(t, h.app(), "ce\n")
	got := h.lines("1 first\n  Trace a\n  b", "4 fourth\n Trace")
	if got[0].Groups["what"] != "first" || got[1].Offset != 52 || got[0].Pattern != "e" {
		t.Errorf("%+v", got)
	}
	appendTo(t, h.app(), "5 fifth\n Trace "+strings.Repeat("x", 1000)+"\n6 six Trace\n")
	got = h.until("cut", func(got []Data) bool { return len(got) == 4 })
	if !got[2].Cut || len(got[2].Line) != 100 || got[3].Line != "6 six Trace" {
		t.Errorf("%+v", got[2:])
	}
}

func TestCountedByGroup(t *testing.T) {
	h := newHost(t)
	beacontest.Write(t, h.root, "log/app.log", "")
	defer h.start(`w: {files: /log/app.log, patterns: {e: {match: 'from (?P<who>\S+)', most: 2, rate: {above: 3, within: 1h, by: who}}}}`)()
	<-h.told
	appendTo(t, h.app(), strings.Repeat("from a\n", 3)+strings.Repeat("from b\n", 5))
	got := h.until("the rate", func(got []Data) bool { return len(got) == 3 })
	if d := got[2]; d.Change != Rate || d.Key != "b" || d.Count != 5 || d.By != "who" || d.State != "entered" {
		t.Errorf("%+v", d)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if kept := string(h.kept["pace/w/e"]); !strings.Contains(kept, `"told":2,"more":6`) {
		t.Errorf("not counted: %s", kept)
	}
}

func TestFilesThatAppear(t *testing.T) {
	h := newHost(t)
	defer h.start(`w: {files: [/log/*/app*.log], patterns: {any: {match: '.'}}}`)()
	<-h.told
	beacontest.Write(t, h.root, "log/a/app1.log", "one\n")
	h.lines("one")
	beacontest.Write(t, h.root, "log/a/app1.log.1", "rotated, not meant\n")
	beacontest.Write(t, h.root, "log/b/app2.log", "two\n")
	h.lines("one", "two")
}

func TestCannotBeRead(t *testing.T) {
	h := newHost(t)
	must(t, os.MkdirAll(h.app(), 0o755))
	defer h.start(all)()
	got := h.until("lost", func(got []Data) bool { return len(got) == 1 })
	if got[0].Change != Lost || got[0].Path != "/log/app.log" || !strings.Contains(got[0].Reason, "open /log/app.log: invalid argument") {
		t.Errorf("%+v", got)
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`w: {files: [log], patterns: {a: {match: a}}}`:                                            `w: files: "log" is no absolute path`,
		`w: {files: [/log]}`:                                                                      `"patterns" is required`,
		`w: {files: [/log], patterns: {a: {match: '('}}}`:                                         "missing closing )",
		`w: {files: [/log], patterns: {a: {match: a, rate: {above: 1, by: b}}}}`:                  `w: patterns: a: rate: by: "b" is no group`,
		`w: {files: [/log], patterns: {a: {match: a, rate: {above: 1, within: 2h}}}}`:             "within: 2h0m0s; want 1s to 1h0m0s",
		`w: {files: [/log], patterns: {a: {match: a, most: -1}}}`:                                 "most: -1; want 0 to 10000",
		`w: {files: [/log], from: start, patterns: {a: {match: a}}}`:                              `from: "start"; want end or beginning`,
		`w: {files: [/log], max_line: 1GiB, patterns: {a: {match: a}}}`:                           "max_line: 1GiB",
		`w: {files: [/log], patterns: {lost: {match: a}}}`:                                        "choose another name",
		`w: {files: [/log], multiline: {start: a, wait: 1h}, patterns: {a: {match: a}}}`:          "wait: 1h0m0s",
		`w: {files: [/log], patterns: {a/b: {match: a}}}`:                                         "it stands in the tag",
		`w: {files: [/log], patterns: {a: {match: a, rate: {above: 5%}}}}`:                        "want a plain number",
		`w: {files: [/log], multiline: {lines: 3, start: a, wat: 1s}, patterns: {a: {match: a}}}`: `unknown key "wat"`,
	} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		must(t, faults.Err())
		if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}

// However the bytes come, nothing is taken twice, and what is left is less than a record.
func FuzzCut(f *testing.F) {
	f.Add([]byte("a\nb\nlong line that is cut\nc"), false, false)
	f.Add([]byte("1\n b\n2\n"), true, true)
	f.Fuzz(func(t *testing.T, text []byte, multi, end bool) {
		c := cutter{size: 8, lines: 3}
		if multi {
			c.start = Module().Config().(*Config).Watches["auth"].Patterns["failed"].Match.Regexp
		}
		records, used, skip := c.cut(text, false, false, end)
		at := 0
		for _, r := range records {
			if r.at < at || r.at+len(r.text) > used || len(r.text) > c.size {
				t.Fatalf("record at %d of %d bytes; used %d", r.at, len(r.text), used)
			}
			at = r.at + len(r.text)
		}
		if used > len(text) || end && !skip && !multi && used != len(text) {
			t.Fatalf("used %d of %d", used, len(text))
		}
	})
}
