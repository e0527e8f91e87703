package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"brine/internal/hostfs"
	"brine/states"
)

// Bounds of one sweep.
const (
	maxDoomed = 100_000 // paths that one state removes
	maxDepth  = 200     // folders below each other; each holds a descriptor
	maxPasses = 4       // over a folder that somebody else keeps filling
)

// stamp tells whether a file is still the one that was looked at, its content not being read.
type stamp struct {
	dev, ino    uint64
	size, mtime int64
	mode        fs.FileMode
	uid, gid    int
}

func stampOf(i hostfs.Info) stamp { return stamp{i.Dev, i.Ino, i.Size, i.MTime, i.Mode, i.UID, i.GID} }

// doomed is what a Check saw that is to be removed, by path below the folder.
type doomed map[string]stamp

// verdict is what becomes of a path in a sweep.
type verdict int

const (
	drop   verdict = iota // it is removed; of a folder only when nothing in it stays
	stay                  // it stays, with all it holds
	inside                // of a folder: it stays, and what it holds is judged by itself
)

// sweeper removes what is in a folder, or what of it is not wanted there. It never follows a link, and never enters another mount.
type sweeper struct {
	env    states.Env
	fun    string                                // the state's function, which the host must allow on every path
	base   string                                // the folder, as it is named to people and beacons
	judge  func(rel string, dir bool) verdict    // nil drops everything
	must   bool                                  // what is removed has to be kept
	doomed doomed                                // what Check saw
	found  func(rel string, i hostfs.Info) error // is told, while surveying, what is doomed; may be nil
}

func (s *sweeper) verdict(rel string, i hostfs.Info) verdict {
	if s.judge == nil {
		return drop
	}
	return s.judge(rel, i.Mode.IsDir())
}

// survey notes what is doomed below dir, and reports whether everything there is.
func (s *sweeper) survey(ctx context.Context, dir *hostfs.Dir, rel string, depth int) (all bool, err error) {
	if depth > maxDepth {
		return false, fmt.Errorf("%q: more than %d folders deep", path.Join(s.base, rel), maxDepth)
	}
	names, err := dir.List()
	if err != nil {
		return false, err
	}
	all = true
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		gone, err := s.surveyOne(ctx, dir, name, path.Join(rel, name), depth)
		if err != nil {
			return false, err
		}
		all = all && gone
	}
	return all, nil
}

func (s *sweeper) surveyOne(ctx context.Context, dir *hostfs.Dir, name, rel string, depth int) (gone bool, err error) {
	p := path.Join(s.base, rel)
	if e, ok := planned(s.env, p); ok && !e.exists {
		return true, nil
	}
	i, err := dir.Look(ctx, name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	v := s.verdict(rel, i)
	if v == stay {
		return false, nil
	}
	if dir.IsMount(name) {
		return false, fmt.Errorf("%q: %w, so it is not removed", p, hostfs.ErrMount)
	}
	if i.Mode.IsDir() {
		sub, _, err := dir.Folder(name, false)
		if err != nil {
			return false, err
		}
		all, err := s.survey(ctx, sub, rel, depth+1)
		sub.Close()
		if err != nil || !all || v == inside {
			return false, err
		}
	}
	return true, s.doom(p, rel, i)
}

func (s *sweeper) doom(p, rel string, i hostfs.Info) error {
	if len(s.doomed) >= maxDoomed {
		return fmt.Errorf("%q: more than %d paths to be removed, which is done by hand or not at all", s.base, maxDoomed)
	}
	if err := allowed(s.env, s.fun, p); err != nil {
		return err
	}
	s.doomed[rel] = stampOf(i)
	if s.found != nil {
		return s.found(rel, i)
	}
	return nil
}

// surveyFolder notes all that stands in a folder which is to be removed as a whole.
func surveyFolder(ctx context.Context, s *sweeper, dir *hostfs.Dir, name string, i hostfs.Info) error {
	if err := hostfs.CheckRemovableFolder(ctx, s.env.Root, i); err != nil {
		return err
	}
	sub, _, err := dir.Folder(name, false)
	if err != nil {
		return err
	}
	defer sub.Close()
	s.doomed = doomed{}
	_, err = s.survey(ctx, sub, "", 0)
	return err
}

// empty removes what is doomed below dir, and whatever came there meanwhile and is judged the same, which is reported.
func (s *sweeper) empty(ctx context.Context, dir *hostfs.Dir, rel string, depth int) (all bool, err error) {
	if depth > maxDepth {
		return false, fmt.Errorf("%q: more than %d folders deep", path.Join(s.base, rel), maxDepth)
	}
	names, err := dir.List()
	if err != nil {
		return false, err
	}
	all = true
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		gone, err := s.emptyOne(ctx, dir, name, path.Join(rel, name), depth)
		if err != nil {
			return false, err
		}
		all = all && gone
	}
	return all, nil
}

func (s *sweeper) emptyOne(ctx context.Context, dir *hostfs.Dir, name, rel string, depth int) (gone bool, err error) {
	i, err := dir.Look(ctx, name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	v := s.verdict(rel, i)
	switch {
	case v == stay:
		return false, nil
	case !i.Mode.IsDir():
		return true, s.remove(dir, name, rel)
	}
	sub, _, err := dir.Folder(name, false)
	if err != nil {
		return false, err
	}
	defer sub.Close()
	for range maxPasses {
		all, err := s.empty(ctx, sub, rel, depth+1)
		if err != nil || !all || v == inside {
			return false, err
		}
		if err := s.check(rel); err != nil {
			return false, err
		}
		s.env.Expect(path.Join(s.base, rel), goneForGood)
		err = dir.RemoveFolder(name)
		if !errors.Is(err, hostfs.ErrNotEmpty) {
			return err == nil, err
		}
	}
	return false, fmt.Errorf("%q: somebody else keeps filling the folder", path.Join(s.base, rel))
}

// check asks for what Check has not asked for.
func (s *sweeper) check(rel string) error {
	if _, ok := s.doomed[rel]; ok {
		return nil
	}
	return allowed(s.env, s.fun, path.Join(s.base, rel))
}

// remove takes one file away, looks at what it was, and reports or keeps it.
func (s *sweeper) remove(dir *hostfs.Dir, name, rel string) error {
	p := path.Join(s.base, rel)
	if err := s.check(rel); err != nil {
		return err
	}
	s.env.Expect(p, goneForGood)
	aside, err := dir.Remove(name, func(left string) { s.env.Displaced(p, left) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	got, err := aside.Glance()
	if err == nil && got.Mode.IsDir() {
		return errors.Join(fmt.Errorf("%q became a folder meanwhile", p), aside.PutBack())
	}
	if was, known := s.doomed[rel]; err != nil || !known || stampOf(got) != was {
		s.env.Displaced(p, aside.Temp())
	} else if err := replaced(s.env, p, aside.Temp(), s.must); err != nil {
		return errors.Join(fmt.Errorf("backup of %q, which was left as it was: %w", p, err), aside.PutBack())
	}
	return aside.Discard()
}
