package converge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/job"
	"brine/states"
)

// attempt is one state of a run.
type attempt struct {
	*run
	low     job.Low
	state   states.State
	res     *job.StateResult
	ctx     context.Context
	written []announced     // by Apply
	notes   []string        // added to the comment
	named   map[string]bool // hashes that the state's manifests name
}

// announced is what Apply said it would make of a path.
type announced struct {
	path string
	e    states.Expected
}

// state runs one state and fills in its result. A panic in a module is a failure of its state alone.
func (r *run) state(ctx context.Context, l job.Low, res *job.StateResult) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = DefaultStateTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %s", timeout))
	defer cancel()
	a := &attempt{run: r, low: l, res: res, ctx: ctx}
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("state panicked", "state", l.Key(), "panic", p, "stack", string(debug.Stack()))
			a.fail(fmt.Errorf("the module %s panicked, which is a bug: %v", l.Fun, p))
		}
		if a.notes != nil {
			res.Comment += "; " + strings.Join(a.notes, "; ")
		}
	}()
	if err := a.prepare(ctx); err != nil {
		a.fail(err)
		return
	}
	if err := a.converge(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = context.Cause(ctx)
		}
		a.fail(err)
	}
}

func (a *attempt) fail(err error) {
	a.res.OK = false
	a.res.Comment = err.Error()
}

// prepare makes the state out of what the master sent, believing none of it, and gets its content.
func (a *attempt) prepare(ctx context.Context) (err error) {
	if a.Allow != nil {
		if err := a.Allow.PermitsState(a.low); err != nil {
			return err
		}
	}
	if a.state, err = a.decode(); err != nil {
		return err
	}
	return a.fetch(ctx)
}

func (a *attempt) decode() (states.State, error) {
	module, function, _ := strings.Cut(a.low.Fun, ".")
	for _, m := range a.Modules {
		if m.Name != module {
			continue
		}
		newState, ok := m.Functions[function]
		if !ok {
			return nil, fmt.Errorf("module %q has no function %q; this minion may be older than its master", module, function)
		}
		s := newState()
		if err := a.low.Args.Decode(s); err != nil {
			return nil, fmt.Errorf("arguments: %w", err)
		}
		if err := sameName(s, a.low.Name); err != nil {
			return nil, err
		}
		return s, s.Validate()
	}
	return nil, fmt.Errorf("there is no state module %q; this minion may be older than its master", module)
}

// sameName makes sure that the name that was checked against the allow list is the one that the state will act on.
func sameName(s states.State, name string) error {
	v := reflect.ValueOf(s)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	v = v.Elem()
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if tag != "name" || v.Field(i).Kind() != reflect.String {
			continue
		}
		switch f := v.Field(i); f.String() {
		case name:
		case "":
			f.SetString(name)
		default:
			return fmt.Errorf("its arguments name %q instead of %q: the low state is malformed", f.String(), name)
		}
	}
	return nil
}

func (a *attempt) fetch(ctx context.Context) error {
	if a.Content == nil && len(a.low.Content) > 0 {
		return fmt.Errorf("content %s: there is nowhere to get it from", a.low.Content[0].Hash)
	}
	if a.Content == nil {
		return nil
	}
	if err := a.Content.Fetch(ctx, a.low.Content...); err != nil {
		return err
	}
	named, err := a.list()
	if err != nil {
		return err
	}
	return a.Content.Fetch(ctx, named...)
}

// env is what the state may use.
func (a *attempt) env() states.Env {
	return states.Env{
		Root:      a.Root,
		Log:       a.Log.With("state", a.low.Key()),
		Test:      a.test,
		Content:   a.open,
		Expect:    a.expect,
		Planned:   a.plannedFor,
		Later:     a.later,
		Displaced: a.displaced,
		Replaced:  a.replaced,
		Adjusted:  a.adjusted,
		Allowed:   a.allowed,
	}
}

// open gives content that the low state names for this very state, and nothing else.
func (a *attempt) open(hash string) (io.ReadCloser, error) {
	for _, c := range a.low.Content {
		if c.Hash == hash {
			return a.Content.Open(hash)
		}
	}
	if a.named[hash] {
		return a.Content.Open(hash)
	}
	return nil, fmt.Errorf("content %s was not announced with the state", hash)
}

// expect takes what the state says it will make of a path: for the beacons, or in test mode for the states that follow.
func (a *attempt) expect(path string, e states.Expected) {
	if a.test {
		a.planned[path] = e
		return
	}
	if a.Expectations == nil {
		return
	}
	a.written = append(a.written, announced{path, e})
	a.Expectations.Announce(path, beacons.Expected{Absent: e.Absent, SHA256: e.SHA256, Mode: e.Mode, UID: e.UID, GID: e.GID,
		Cause: a.cause.String(), State: a.low.Key(), Target: e.Target, At: time.Now()})
}

func (a *attempt) plannedFor(path string) (states.Expected, bool) {
	e, ok := a.planned[path]
	if ok {
		a.note(fmt.Sprintf("assuming what an earlier state would have made of %s", path))
	}
	return e, ok
}

// displaced keeps what a write pushed aside although nobody had seen it.
func (a *attempt) displaced(target, path string) {
	what := "what stood there by then was not kept"
	if a.Quarantine != nil {
		kept, err := a.Quarantine.Keep(a.Root, target, path, a.why(target))
		if err != nil {
			a.Log.Warn("displaced content is lost", "path", target, "error", err)
			what = fmt.Sprintf("what stood there by then could not be kept: %v", err)
		} else {
			what = fmt.Sprintf("what stood there by then is kept as %s", kept.SHA256)
		}
	}
	a.note(fmt.Sprintf("%s was changed by somebody else in the meantime, and %s", target, what))
}

// maxNotes bounds what is added to a comment.
const maxNotes = 8

func (a *attempt) note(s string) {
	for _, n := range a.notes {
		if n == s {
			return
		}
	}
	if len(a.notes) < maxNotes {
		a.notes = append(a.notes, s)
	}
}
