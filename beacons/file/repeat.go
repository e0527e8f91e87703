package file

import "time"

// repeatWait is how long a path must be as it was before Brine put it right until that counts as the same drift, made again
// before the correction was seen; it may also be that the correction is only about to be made.
const repeatWait = 300 * time.Millisecond

// repeated reports whether a path that is as it was last told is not as Brine has made it since: nothing seems to have changed, and
// yet somebody has undone the correction.
func (r *run) repeated(it *item, now record) bool {
	if r.env.Own == nil || it.silent {
		return false
	}
	e, ok := r.env.Own(it.path)
	return ok && !e.Told && !e.At.IsZero() && !now.matches(e)
}

// repeatedAs names the change that was made again.
func repeatedAs(now record) string {
	if now.Kind == absent {
		return Removed
	}
	return Modified
}

// superseded takes note that the event of what Brine made of a path is on disk, or that of something else that came after it; a first
// baseline, which has no event, is such as well.
func (r *run) superseded(f finding) {
	if r.env.Own == nil || r.env.OwnTold == nil || f.signal.Tag == "" && !f.it.silent {
		return
	}
	e, ok := r.env.Own(f.it.path)
	if !ok || e.Told {
		return
	}
	if f.signal.Own && e.Cause == f.signal.Cause || !f.signal.Own && f.it.since.After(e.At) {
		r.env.OwnTold(f.it.path, e)
	}
}
