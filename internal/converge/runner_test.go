package converge

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
	"brine/states/file"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fake is a state that does what its Do says.
type fake struct {
	Name string `json:"name"`
	Do   string `json:"do"`
	h    *host
}

// host counts what fakes do.
type host struct{ checks, applies int }

func (f *fake) Validate() error {
	if f.Do == "invalid" {
		return errors.New("do is invalid")
	}
	return nil
}

func (f *fake) Check(ctx context.Context, env states.Env) (states.Changes, error) {
	f.h.checks++
	differs := states.Changes{{What: "x", From: "is", To: "wanted"}}
	switch f.Do {
	case "panic":
		panic("on purpose")
	case "refuse":
		return nil, errors.New("cannot be looked at")
	case "hang":
		<-ctx.Done()
		return nil, ctx.Err()
	case "never", "fail apply", "crash in apply":
		return differs, nil
	case "spoilt once":
		if f.h.applies < 2 {
			return differs, nil
		}
	case "change":
		if f.h.applies < 1 {
			return differs, nil
		}
	}
	return nil, nil
}

func (f *fake) Apply(ctx context.Context, env states.Env, c states.Changes) error {
	f.h.applies++
	env.Expect(f.Name, states.Expected{SHA256: "ab"})
	switch f.Do {
	case "fail apply":
		return errors.New("no luck")
	case "crash in apply":
		panic("on purpose")
	}
	return nil
}

func fakes(h *host) []states.Module {
	return []states.Module{{Name: "fake", Functions: map[string]func() states.State{"do": func() states.State { return &fake{h: h} }}}}
}

func low(t *testing.T, fun, name string, args any, require ...int) job.Low {
	t.Helper()
	data, err := event.Encode(args)
	must(t, err)
	return job.Low{ID: name, SLS: "test", Fun: fun, Name: name, Args: data, Require: require}
}

func TestOneState(t *testing.T) {
	for _, c := range []struct {
		do      string
		ok      bool
		comment string
		checks  int
		applies int
		known   bool // what it announced is still expected
	}{
		{"nothing", true, "fake.do: /x is in the correct state", 1, 0, false},
		{"change", true, "fake.do: /x updated", 2, 1, true},
		{"spoilt once", true, "differed again at once", 3, 2, true},
		{"never", false, `still differs after it was put right 2 times: x is "is" instead of "wanted"`, 3, 2, true},
		{"fail apply", false, "no luck", 1, 1, false},
		{"crash in apply", false, "panicked, which is a bug: on purpose", 1, 1, false},
		{"panic", false, "panicked, which is a bug: on purpose", 1, 0, false},
		{"refuse", false, "cannot be looked at", 1, 0, false},
		{"invalid", false, "do is invalid", 0, 0, false},
		{"hang", false, "it took longer than 20ms", 1, 0, false},
	} {
		t.Run(c.do, func(t *testing.T) {
			h := &host{}
			r := &Runner{Modules: fakes(h), Expectations: NewExpectations(0), Timeout: time.Minute}
			if c.do == "hang" {
				r.Timeout = 20 * time.Millisecond
			}
			res := r.Run(ctx, job.LowState{States: []job.Low{low(t, "fake.do", "/x", fake{Name: "/x", Do: c.do})}}, false, event.ID{})[0]
			if res.OK != c.ok || !strings.Contains(res.Comment, c.comment) {
				t.Errorf("ok %v, comment %q; want %v with %q", res.OK, res.Comment, c.ok, c.comment)
			}
			if h.checks != c.checks || h.applies != c.applies {
				t.Errorf("%d checks, %d applies; want %d, %d", h.checks, h.applies, c.checks, c.applies)
			}
			if _, known := r.Expectations.Own("/x"); known != c.known {
				t.Errorf("expected afterwards: %v; want %v", known, c.known)
			}
		})
	}
}

func TestMalformedLowStates(t *testing.T) {
	garbage := low(t, "fake.do", "/x", fake{})
	garbage.Args = event.Data{0xff}
	for name, c := range map[string]struct {
		low  job.Low
		part string
	}{
		"unknown module":         {low(t, "nope.do", "/x", fake{}), `no state module "nope"`},
		"unknown function":       {low(t, "fake.nope", "/x", fake{}), `no function "nope"`},
		"no function":            {low(t, "fake", "/x", fake{}), `no function ""`},
		"another name inside":    {low(t, "fake.do", "/x", fake{Name: "/etc/shadow"}), `name "/etc/shadow" instead of "/x"`},
		"garbage":                {garbage, "arguments"},
		"requires itself":        {low(t, "fake.do", "/x", fake{}, 0), "malformed"},
		"requires a negative":    {low(t, "fake.do", "/x", fake{}, -1), "malformed"},
		"requires a later state": {low(t, "fake.do", "/x", fake{}, 7), "malformed"},
	} {
		h := &host{}
		res := (&Runner{Modules: fakes(h)}).Run(ctx, job.LowState{States: []job.Low{c.low}}, false, event.ID{})
		if res[0].OK || !strings.Contains(res[0].Comment, c.part) || h.checks > 0 {
			t.Errorf("%s: %+v, %d checks; want a failure with %q", name, res[0], h.checks, c.part)
		}
	}
}

func TestRequisites(t *testing.T) {
	h := &host{}
	results := (&Runner{Modules: fakes(h)}).Run(ctx, job.LowState{States: []job.Low{
		low(t, "fake.do", "a", fake{Do: "refuse"}),
		low(t, "fake.do", "b", fake{}),
		low(t, "fake.do", "c", fake{}, 1, 0),
		low(t, "fake.do", "d", fake{}, 2),
	}}, false, event.ID{})
	var got []string
	for _, r := range results {
		got = append(got, r.Comment)
	}
	want := "cannot be looked at|fake.do: b is in the correct state|requisite failed: fake.do: a|requisite failed: fake.do: c"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	if h.checks != 2 {
		t.Errorf("%d states were looked at; want 2", h.checks)
	}
}

func TestACancelledRunStartsNothing(t *testing.T) {
	h := &host{}
	c, cancel := context.WithCancelCause(ctx)
	cancel(errors.New("the minion stops"))
	res := (&Runner{Modules: fakes(h)}).Run(c, job.LowState{States: []job.Low{low(t, "fake.do", "a", fake{})}}, false, event.ID{})
	if res[0].OK || h.checks > 0 || !strings.Contains(res[0].Comment, "the minion stops") {
		t.Errorf("%+v, %d checks", res[0], h.checks)
	}
}

func managed(t *testing.T, name, contents string, require ...int) job.Low {
	text := file.Text(contents)
	return low(t, "file.managed", name, &file.Managed{Name: name, Contents: &text}, require...)
}

func TestFilesForReal(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "motd")
	must(t, os.WriteFile(path, []byte("drift\n"), 0o644))
	cause := event.ID{Origin: "web1", Inc: 7, Seq: 3}
	r := &Runner{Root: root, Modules: []states.Module{file.Module()}, Expectations: NewExpectations(0)}
	ls := job.LowState{States: []job.Low{managed(t, "/motd", "hello")}}

	test := r.Run(ctx, ls, true, cause)[0]
	if b, _ := os.ReadFile(path); string(b) != "drift\n" || test.Comment != "The file /motd is set to be changed" {
		t.Errorf("test mode: %q, the file holds %q", test.Comment, b)
	}
	if len(test.Changes) != 1 || !strings.Contains(test.Changes[0].Diff, "-drift\n+hello\n") {
		t.Errorf("test mode shows %+v", test.Changes)
	}
	if _, ok := r.Expectations.Own("/motd"); ok {
		t.Error("test mode announced a write to the beacons")
	}
	done := r.Run(ctx, ls, false, cause)[0]
	if b, _ := os.ReadFile(path); string(b) != "hello\n" || done.Comment != "File /motd updated" || len(done.Changes) != 1 {
		t.Errorf("applied: %+v, the file holds %q", done, b)
	}
	own, ok := r.Expectations.Own("/motd")
	if !ok || own.Cause != cause.String() || own.State != "file.managed: /motd" || own.Mode != 0o644 || len(own.SHA256) != 64 {
		t.Errorf("expected: %+v, %v", own, ok)
	}
	again := r.Run(ctx, ls, false, cause)[0]
	if again.Comment != "File /motd is in the correct state" || again.Changes != nil {
		t.Errorf("again: %+v", again)
	}
}

func TestTestModeLeansOnEarlierStates(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "motd"), []byte("hello\n"), 0o644))
	r := &Runner{Root: root, Modules: []states.Module{file.Module()}}
	res := r.Run(ctx, job.LowState{States: []job.Low{
		low(t, "file.absent", "/motd", &file.Absent{Name: "/motd"}),
		managed(t, "/motd", "hello", 0),
		low(t, "file.managed", "/motd", &file.Managed{Name: "/motd", Mode: "0644"}),
	}}, true, event.ID{})
	if !res[1].OK || len(res[1].Changes) == 0 || !strings.Contains(res[1].Comment, "assuming what an earlier state would have made of /motd") {
		t.Errorf("the second state did not assume the removal: %+v", res[1])
	}
	if !res[2].OK || len(res[2].Changes) != 0 {
		t.Errorf("the third state did not assume the new file: %+v", res[2])
	}
	if b, _ := os.ReadFile(filepath.Join(root, "motd")); string(b) != "hello\n" {
		t.Errorf("test mode touched the file: %q", b)
	}
}

func TestAllowIsAskedForEachState(t *testing.T) {
	h := &host{}
	r := &Runner{Modules: fakes(h), Allow: &Allow{States: []string{"*"}, Paths: []string{"/srv/**"}}}
	res := r.Run(ctx, job.LowState{States: []job.Low{low(t, "fake.do", "/etc/shadow", fake{}), low(t, "fake.do", "/srv/x", fake{})}}, false, event.ID{})
	if res[0].OK || !res[1].OK || h.checks != 1 {
		t.Errorf("%+v, %d checks", res, h.checks)
	}
}
