package converge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"brine/beacons"
	"brine/internal/diff"
	"brine/internal/event"
	"brine/internal/hostfs"
	"brine/internal/job"
	"brine/states"
)

// putting is one kept thing on its way back.
type putting struct {
	*Runner
	k     Kept
	dir   *hostfs.Dir
	name  string
	now   hostfs.Info
	there bool // something stands at the path; now says what
	cause event.ID
	job   jobName
}

// PutBack puts what is kept back where it stood, with owner, mode and extended attributes, the way states write: beside its place,
// synced, swapped in. What it overwrites is kept in turn, or nothing is done. With test it only says what would change. Like Run it may
// not be called concurrently.
func (r *Runner) PutBack(ctx context.Context, k Kept, test bool, cause event.ID) job.StateResult {
	started := time.Now()
	res := job.StateResult{ID: k.ID, SLS: k.SLS, Fun: job.StateUndo, Name: k.Target, Started: started}
	changes, err := r.putBack(ctx, k, test, cause)
	res.Changes, res.OK, res.Took = changes, err == nil, time.Since(started)
	switch since := k.When.Format(time.RFC3339); {
	case err != nil:
		res.Comment = err.Error()
	case len(changes) == 0:
		res.Comment = fmt.Sprintf("%s is as it was before %s", k.Target, since)
	case test:
		res.Comment = fmt.Sprintf("%s is set to be as it was before %s", k.Target, since)
	default:
		res.Comment = fmt.Sprintf("%s is again as it was before %s", k.Target, since)
	}
	return res
}

func (r *Runner) putBack(ctx context.Context, k Kept, test bool, cause event.ID) ([]job.Change, error) {
	if err := hostfs.CheckPath(k.Target); err != nil {
		return nil, err
	}
	if r.Allow != nil {
		if err := r.Allow.PermitsPath(k.Target); err != nil {
			return nil, err
		}
	}
	p := &putting{Runner: r, k: k, cause: cause, job: jobOf(ctx)}
	var err error
	p.dir, p.name, err = hostfs.Parent(r.Root, k.Target, !test && !k.isNote())
	if test && errors.Is(err, fs.ErrNotExist) || k.Absent && errors.Is(err, fs.ErrNotExist) {
		return p.changes(ctx)
	}
	if err != nil {
		return nil, err
	}
	defer p.dir.Close()
	p.now, err = p.dir.Look(ctx, p.name, true)
	if p.there = err == nil; err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if t := p.now.Mode.Type(); p.there && t != 0 && t != fs.ModeSymlink {
		return nil, fmt.Errorf("%q is a %s by now: move it away first", k.Target, p.now.Kind())
	}
	changes, err := p.changes(ctx)
	if err != nil || test || len(changes) == 0 {
		return changes, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return changes, p.put(ctx)
}

// put does it, and takes back what it announced when it fails.
func (p *putting) put(ctx context.Context) error {
	e := p.expected()
	if p.Expectations != nil {
		p.Expectations.Announce(p.k.Target, beacons.Expected{Absent: e.Absent, SHA256: e.SHA256, Mode: e.Mode, UID: e.UID, GID: e.GID, Target: e.Target,
			Cause: p.cause.String(), State: p.k.State, At: time.Now()})
	}
	var err error
	switch {
	case p.k.Attributes:
		err = p.adjust(e)
	case p.k.Absent:
		err = p.remove(e)
	default:
		err = p.replace(ctx, e)
	}
	if err != nil && p.Expectations != nil {
		p.Expectations.Forget(p.k.Target)
	}
	return err
}

// expected is what the path will be.
func (p *putting) expected() states.Expected {
	e := states.Expected{SHA256: p.k.SHA256, Mode: p.k.Mode, UID: p.k.UID, GID: p.k.GID, Target: p.k.Link}
	switch {
	case p.k.Absent:
		return states.Expected{Absent: true, UID: -1, GID: -1}
	case p.k.Attributes:
		e.SHA256 = p.now.SHA256
	case p.k.What() == "symlink":
		e.SHA256 = ""
	}
	return e
}

// changes is how the path differs from what was kept.
func (p *putting) changes(ctx context.Context) (list []job.Change, err error) {
	k, what := p.k, p.k.What()
	add := func(what, from, to string) {
		if from != to {
			list = append(list, job.Change{What: what, From: from, To: to})
		}
	}
	switch {
	case k.Absent && p.there:
		return []job.Change{{What: "exists", From: p.now.Kind(), To: "absent"}}, nil
	case k.Absent:
		return nil, nil
	case k.Attributes && (!p.there || !p.now.IsRegular()):
		return nil, fmt.Errorf("only owner and mode of %q are kept, and there is no file of this name any more", k.Target)
	case !p.there:
		add("exists", "absent", what)
	case !k.Attributes && p.now.Kind() != what:
		add("type", p.now.Kind(), what)
	}
	switch {
	case k.Attributes:
	case what == "symlink":
		add("target", p.now.Target, k.Link)
	case p.now.SHA256 != k.SHA256:
		list = append(list, job.Change{What: "content", From: sumText(p.now.SHA256), To: sumText(k.SHA256), Diff: p.diff(ctx)})
	}
	if !p.there {
		return list, nil
	}
	add("uid", strconv.Itoa(p.now.UID), strconv.Itoa(k.UID))
	add("gid", strconv.Itoa(p.now.GID), strconv.Itoa(k.GID))
	if what != "symlink" && p.now.IsRegular() {
		add("mode", hostfs.Octal(p.now.Mode&^fs.ModeType), hostfs.Octal(k.Mode&^fs.ModeType))
	}
	return list, nil
}

func sumText(hash string) string {
	if hash == "" {
		return ""
	}
	return "sha256:" + hash
}

// diff is how text will differ; empty where there is no sense or no right in one.
func (p *putting) diff(ctx context.Context) string {
	if diff.SecretPath(p.k.Target) || p.there && (!p.now.IsRegular() || p.now.Size > diff.MaxInput) {
		return ""
	}
	after, err := p.Quarantine.Read(p.k, diff.MaxInput)
	if err != nil || !diff.IsText(after) {
		return ""
	}
	var before []byte
	if p.there {
		if before, err = p.dir.Read(ctx, p.name, diff.MaxInput); err != nil || !diff.IsText(before) {
			return ""
		}
	}
	return diff.Unified(p.k.Target+" (is)", p.k.Target+" (kept)", before, after, diff.MaxOutput)
}

// why is what the quarantine is told of what is overwritten now.
func (p *putting) why(e states.Expected) Why {
	w := p.k.Why
	w.Run, w.JID, w.Fun, w.Cause, w.New = runName(p.job, time.Now()), p.job.jid, p.job.fun, p.cause.String(), &e
	return w
}

func (p *putting) adjust(e states.Expected) error {
	was := Kept{Target: p.k.Target, SHA256: p.now.SHA256, Mode: p.now.Mode, UID: p.now.UID, GID: p.now.GID, Replaced: true, Attributes: true, Why: p.why(e)}
	if err := p.Quarantine.Note(was); err != nil {
		return err
	}
	return p.dir.SetAttributes(p.name, p.now, p.k.UID, p.k.GID, p.k.Mode&^fs.ModeType)
}

func (p *putting) remove(e states.Expected) error {
	aside, err := p.dir.Remove(p.name, p.leftover(e))
	if err != nil {
		return err
	}
	if err := p.keep(aside, e); err != nil {
		return errors.Join(err, aside.PutBack())
	}
	return errors.Join(aside.Discard(), p.dir.Sync())
}

func (p *putting) replace(ctx context.Context, e states.Expected) error {
	draft, err := p.draft(ctx, e)
	if err != nil {
		return err
	}
	displaced, err := draft.Swap()
	if err != nil {
		return errors.Join(err, draft.Discard())
	}
	if displaced {
		if err := p.keep(draft, e); err != nil {
			if undone := draft.Undo(); undone != nil {
				return errors.Join(err, undone)
			}
			return errors.Join(err, draft.Discard())
		}
		return errors.Join(draft.Discard(), p.dir.Sync())
	}
	nothing := Kept{Target: p.k.Target, Replaced: true, Absent: true, Why: p.why(e)}
	return errors.Join(p.Quarantine.Note(nothing), draft.Close(), p.dir.Sync())
}

// draft makes what was kept beside its place.
func (p *putting) draft(ctx context.Context, e states.Expected) (*hostfs.Draft, error) {
	if p.k.What() == "symlink" {
		return p.dir.DraftLink(p.name, p.k.Link, p.k.UID, p.k.GID, p.leftover(e))
	}
	content, err := p.Quarantine.Open(p.k.SHA256)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	draft, err := p.dir.Draft(p.name, p.leftover(e))
	if err != nil {
		return nil, err
	}
	if _, err = hostfs.Copy(ctx, draft, content); err == nil {
		err = draft.AttributesOf(p.k.UID, p.k.GID, p.k.Mode&^fs.ModeType, p.k.Xattrs)
	}
	if err == nil {
		err = draft.Flush()
	}
	if err != nil {
		return nil, errors.Join(err, draft.Discard())
	}
	return draft, nil
}

// keep has what was pushed aside kept, or says why it has to be put back.
func (p *putting) keep(aside *hostfs.Draft, e states.Expected) error {
	got, err := aside.Glance()
	if err != nil {
		return err
	}
	if t := got.Mode.Type(); t != 0 && t != fs.ModeSymlink {
		return fmt.Errorf("%q became a %s meanwhile", p.k.Target, got.Kind())
	}
	if _, err := p.Quarantine.KeepReplaced(p.Root, p.k.Target, aside.Temp(), p.Quarantine.maxBytes, true, p.why(e)); err != nil {
		return fmt.Errorf("what stands at %q cannot be kept, so it stays: %w", p.k.Target, err)
	}
	return nil
}

// leftover keeps what a crash left of an earlier write.
func (p *putting) leftover(e states.Expected) func(string) {
	return func(left string) {
		if _, err := p.Quarantine.Keep(p.Root, p.k.Target, left, p.why(e)); err != nil && p.Log != nil {
			p.Log.Warn("displaced content is lost", "path", p.k.Target, "error", err)
		}
	}
}
