package log

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"brine/beacons"
)

// follower reads what stands at one path: the file of now, and those that were rotated away and may still grow.
type follower struct {
	w       *watcher
	path    string // of the host, without the root
	key     string // of the baseline
	current *tail  // nil: nothing is there, or it cannot be read
	old     []*tail
	failed  string // why it cannot be read, as it was told
	unkept  bool   // the baseline lags behind
	stop    func() // of the watch of what a link leads to
}

func (f *follower) close() {
	for _, t := range f.tails() {
		t.close()
	}
	if f.stop != nil {
		f.stop()
	}
}

// tails are the open files, the oldest first.
func (f *follower) tails() []*tail {
	list := append([]*tail(nil), f.old...)
	if f.current != nil {
		list = append(list, f.current)
	}
	return list
}

// baseline is where the tails stand; next replaces where t stands.
func (f *follower) baseline(t *tail, next position) beacons.KV {
	list := []position{}
	for _, o := range f.tails() {
		p := o.pos
		if o == t {
			p = next
		}
		list = append(list, p)
	}
	value, _ := json.Marshal(list) // numbers and text
	return beacons.KV{Key: f.key, Value: value}
}

// recall opens what was read before the stop, as far as it is found.
func (f *follower) recall(value []byte, now time.Time) {
	var list []position
	if json.Unmarshal(value, &list) != nil {
		return
	}
	for i, p := range list {
		here := f.w.b.env.Path(f.path)
		file, info, err := openRegular(here)
		if err == nil {
			if _, ino := identity(info); ino != p.Ino || !p.holds(file, info.Size()) {
				file.Close()
				file = nil
			}
		}
		old := err != nil || file == nil
		if old {
			if file, info = find(here, p); file != nil {
				p.Dev, p.Ino = identity(info)
				f.unkept = true
			}
		}
		if file != nil {
			t := &tail{f: file, pos: p, grown: now, old: old}
			if old {
				f.old = append(f.old, t)
			} else {
				f.current = t
			}
		} else if i == len(list)-1 {
			f.w.lose(f.path, "what was rotated away while nobody read it is not found: its last lines are not read")
		}
	}
}

// look sees whether the file at the path is still the one that is read. One that is new is read from its beginning, or with fromEnd not.
func (f *follower) look(now time.Time, fromEnd bool) {
	here := f.w.b.env.Path(f.path)
	file, info, err := openRegular(here)
	if err != nil {
		f.absent(err)
		return
	}
	f.failed = ""
	if c := f.current; c != nil {
		f.anew(c, here, now)
		if _, ino := identity(info); ino == c.pos.Ino {
			file.Close()
			return
		}
		f.current, f.unkept = nil, true
		f.retire(c)
	}
	if last := len(f.old); last > 0 {
		f.missed(here, f.old[last-1], now)
	}
	offset := int64(0)
	if fromEnd {
		offset = info.Size()
	}
	t := &tail{grown: now}
	if err := t.open(file, info, offset); err != nil {
		file.Close() // it was cut in this instant: its next note comes
		return
	}
	f.current, f.unkept = t, true
	f.follow(here)
}

// anew begins again with a file that was cut or written anew. What had not been read may stand in a copy.
func (f *follower) anew(t *tail, here string, now time.Time) {
	info, err := t.f.Stat()
	if err != nil || t.pos.holds(t.f, info.Size()) {
		return
	}
	if file, copied := find(here, t.pos); file != nil {
		c := &tail{f: file, pos: t.pos, grown: now}
		c.pos.Dev, c.pos.Ino = identity(copied)
		f.retire(c)
	}
	t.buf, t.pos.Offset, t.pos.Skip, f.unkept = nil, 0, false, true
	t.pos.Print, _ = fingerprint(t.f, 0) // of nothing
}

// follow watches what a link leads to: a write there is no change of the folder that the link is in.
func (f *follower) follow(here string) {
	if info, err := os.Lstat(here); f.stop == nil && err == nil && info.Mode()&fs.ModeSymlink != 0 {
		f.stop, _ = f.w.b.env.Files.Watch(here, false, f.w.b.note) // without it there is the look once a minute
	}
}

// missed adds the files that came and went since the last look.
func (f *follower) missed(here string, last *tail, now time.Time) {
	info, err := last.f.Stat()
	if err != nil {
		return
	}
	known := func(ino uint64) bool {
		for _, t := range f.tails() {
			if t.pos.Ino == ino {
				return true
			}
		}
		return f.w.known(ino)
	}
	for _, s := range between(here, info.ModTime(), known) {
		if file, info, err := openRegular(s.path); err == nil {
			t := &tail{grown: now}
			if t.open(file, info, 0) != nil {
				file.Close()
				continue
			}
			f.retire(t)
		}
	}
}

// maxOld bounds the files of one path that were rotated away and are still read.
const maxOld = 32

func (f *follower) retire(t *tail) {
	t.old = true
	f.old = append(f.old, t)
	for len(f.old) > maxOld {
		first := f.old[0]
		if info, err := first.f.Stat(); err != nil || info.Size() > first.pos.Offset {
			f.w.lose(f.path, "it is rotated faster than it is read: lines are not read")
		}
		first.close()
		f.old = f.old[1:]
	}
}

// absent notes that nothing can be read at the path now.
func (f *follower) absent(err error) {
	if f.current != nil {
		f.anew(f.current, f.w.b.env.Path(f.path), f.w.b.env.Now())
		f.retire(f.current)
		f.current, f.unkept = nil, true
	}
	if last := len(f.old); last > 0 {
		f.missed(f.w.b.env.Path(f.path), f.old[last-1], f.w.b.env.Now())
	}
	var pe *fs.PathError
	if errors.Is(err, fs.ErrNotExist) || !errors.As(err, &pe) {
		f.failed = ""
		return
	}
	if reason := (&fs.PathError{Op: pe.Op, Path: f.path, Err: pe.Err}).Error(); reason != f.failed {
		f.failed = reason
		f.w.lose(f.path, reason)
	}
}

// read tells everything that is there.
func (f *follower) read(ctx context.Context, now time.Time) error {
	for _, t := range f.tails() {
		over := t.old && now.Sub(t.grown) >= drain
		for more := true; more && ctx.Err() == nil; {
			p, again, err := t.read(f.w.cutter, now, now.Sub(t.grown) >= f.w.wait, over)
			if errors.Is(err, io.EOF) { // it was cut in this instant: what is to be read is another now
				f.anew(t, f.w.b.env.Path(f.path), now)
				f.w.b.note(beacons.Note{Path: f.w.b.env.Path(f.path)})
				break
			}
			if err != nil {
				f.w.lose(f.path, filepath.Base(f.path)+": "+err.Error())
				break
			}
			if err := f.w.tell(ctx, f, t, p, now); err != nil {
				return err
			}
			more = again
		}
		if over {
			f.forget(t)
		}
	}
	if f.unkept {
		return f.keep(ctx)
	}
	return nil
}

// forget ends with a file that was rotated away.
func (f *follower) forget(t *tail) {
	t.close()
	for i, o := range f.old {
		if o == t {
			f.old = append(f.old[:i:i], f.old[i+1:]...)
			break
		}
	}
	f.unkept = true
}

// keep sets the baseline.
func (f *follower) keep(ctx context.Context) error {
	err := f.w.b.fire(ctx, beacons.Signal{Set: []beacons.KV{f.baseline(nil, position{})}})
	f.unkept = err != nil
	return err
}

// due is when the file is to be looked at though nobody tells; zero: not.
func (f *follower) due() (at time.Time) {
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, t := range f.tails() {
		if len(t.buf) > 0 && f.w.cutter.start != nil {
			sooner(t.grown.Add(f.w.wait))
		}
		if t.old {
			sooner(t.grown.Add(drain))
			sooner(f.w.b.env.Now().Add(time.Second)) // nobody watches it under its new name
		}
	}
	return at
}
