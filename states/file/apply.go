package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"brine/internal/hostfs"
	"brine/states"
)

// Apply writes the file anew, or where only owner and mode differ sets these in place.
func (m *Managed) Apply(ctx context.Context, env states.Env, changes states.Changes) error {
	if len(changes) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := m.want()
	if err != nil {
		return err
	}
	if m.last == nil {
		now, err := m.look(ctx, env, w)
		if err != nil {
			return err
		}
		m.last = &now
	}
	w = m.settled(w, *m.last)
	dir, name, err := w.way.open(env, m.Name)
	if err != nil {
		return err
	}
	defer dir.Close()
	dir.Lazy = m.batch != nil || env.Later != nil
	now := *m.last
	if now.exists && now.IsRegular() && now.SHA256 == "" {
		f, err := dir.Look(ctx, name, true) // its content is left alone, but has to be known
		if err != nil {
			return err
		}
		if f.Ino != now.Ino {
			return nil // another file by now: the next Check sees it
		}
		now.SHA256 = f.SHA256
	}
	// A file with further names is never changed in place: what they are, and who made them, is not known.
	if inPlace(changes) && now.Links == 1 {
		return m.setAttributes(env, dir, name, w, now)
	}
	return m.write(ctx, env, dir, name, w, now)
}

// inPlace reports whether only attributes differ.
func inPlace(changes states.Changes) bool {
	for _, c := range changes {
		switch c.What {
		case "user", "group", "mode":
		default:
			if !strings.HasPrefix(c.What, xattrPrefix) {
				return false
			}
		}
	}
	return true
}

func (m *Managed) setAttributes(env states.Env, dir *hostfs.Dir, name string, w want, now seen) error {
	r := w.over(now, 0, defaultMode)
	env.Expect(m.Name, r.expected(w.hashOver(now)))
	if m.batch == nil { // a tree of them would push out what is worth more
		adjusted(env, m.Name, now)
	}
	err := dir.SetAttributes(name, now.Info, r.uid, r.gid, r.mode)
	if err == nil {
		err = setXattrs(dir, name, now.Info, m.todo)
	}
	if errors.Is(err, hostfs.ErrMoved) {
		return nil // the next Check sees what stands there now
	}
	if err == nil && m.batch == nil {
		lastingFile(env, m.Name)
	}
	return err
}

// write makes the file beside its place, swaps it in, looks at what that displaced, and makes all of it last.
func (m *Managed) write(ctx context.Context, env states.Env, dir *hostfs.Dir, name string, w want, now seen) error {
	draft, err := dir.Draft(name, func(left string) { env.Displaced(m.Name, left) })
	if err != nil {
		return err
	}
	if err := m.compose(ctx, env, dir, name, draft, w, now); err != nil {
		draft.Discard()
		return err
	}
	if w.said && len(m.CheckCmd) > 0 {
		if err := m.accepted(ctx, env, draft); err != nil {
			draft.Discard()
			return err
		}
	}
	env.Expect(m.Name, w.over(now, 0, defaultMode).expected(w.hashOver(now)))
	if !now.exists && m.batch == nil {
		adjusted(env, m.Name, now)
	}
	refuse := func(s seen) error { return m.replaceable(s, w) }
	if err := (swap{path: m.Name, must: m.Backup == keptOnMinion, refuse: refuse}).run(ctx, env, draft, now); err != nil {
		return err
	}
	return m.batch.sync(env, dir)
}

// accepted asks check_cmd about the draft, which has its content and its attributes by now.
func (m *Managed) accepted(ctx context.Context, env states.Env, draft *hostfs.Draft) error {
	if err := m.CheckCmd.allowed(env); err != nil {
		return err
	}
	p, err := draft.RealPath()
	if err != nil {
		return fmt.Errorf("check_cmd: %w", err)
	}
	return m.CheckCmd.run(ctx, p)
}

// compose fills the draft and makes it safe to swap in.
func (m *Managed) compose(ctx context.Context, env states.Env, dir *hostfs.Dir, name string, draft *hostfs.Draft, w want, now seen) error {
	content, err := m.open(env, dir, name, w, now)
	if err != nil {
		return err
	}
	defer content.Close()
	if err := fill(ctx, draft, content, w.hashOver(now)); err != nil {
		return fmt.Errorf("content of %q: %w", m.Name, err)
	}
	var like *os.File
	if now.exists && now.IsRegular() {
		if like, _, err = dir.Open(name); err != nil {
			like = nil // gone by now: nothing to keep
		} else {
			defer like.Close()
		}
	}
	r := w.over(now, 0, defaultMode)
	if err := draft.Attributes(r.uid, r.gid, r.mode, like); err != nil {
		return err
	}
	if err := m.labelled().onto(dir, draft); err != nil {
		return err
	}
	return draft.Flush()
}
