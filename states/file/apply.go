package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	dir, name, err := hostfs.Parent(env.Root, m.Name, m.MakeDirs)
	if err != nil {
		return err
	}
	defer dir.Close()
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
			return false
		}
	}
	return true
}

func (m *Managed) setAttributes(env states.Env, dir *hostfs.Dir, name string, w want, now seen) error {
	r := w.over(now)
	env.Expect(m.Name, r.expected(w.hashOver(now)))
	err := dir.SetAttributes(name, now.Info, r.uid, r.gid, r.mode)
	if errors.Is(err, hostfs.ErrMoved) {
		return nil // the next Check sees what stands there now
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
	env.Expect(m.Name, w.over(now).expected(w.hashOver(now)))
	displaced, err := draft.Swap()
	if err != nil {
		draft.Discard()
		return err
	}
	if displaced {
		if err := m.inspect(env, draft, now); err != nil {
			return err
		}
	}
	if err := draft.Close(); err != nil {
		return err
	}
	if displaced {
		if err := draft.Discard(); err != nil {
			return err
		}
	}
	return dir.Sync()
}

// compose fills the draft and makes it safe to swap in.
func (m *Managed) compose(ctx context.Context, env states.Env, dir *hostfs.Dir, name string, draft *hostfs.Draft, w want, now seen) error {
	content, err := m.open(env, dir, name, now)
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
	r := w.over(now)
	if err := draft.Attributes(r.uid, r.gid, r.mode, like); err != nil {
		return err
	}
	return draft.Flush()
}

// inspect reports what the swap displaced when it is not what Check had seen. It is not ended by the run's context:
// the swap is done. What should never be removed is put back.
func (m *Managed) inspect(env states.Env, draft *hostfs.Draft, now seen) error {
	got, err := draft.Displaced(context.Background())
	if err == nil && !got.IsRegular() && got.Mode.Type() != fs.ModeSymlink {
		if err := draft.Undo(); err != nil {
			return err
		}
		draft.Discard()
		return fmt.Errorf("%q became a %s meanwhile: file.managed replaces files and symlinks only", m.Name, got.Kind())
	}
	if err != nil || !now.exists || !got.Same(now.Info) {
		env.Displaced(m.Name, draft.Temp())
	}
	return nil
}
