package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"brine/internal/hostfs"
	"brine/states"
)

// fixer gives what a folder holds its owner and mode. It never follows a link or enters another mount; pipes, sockets and
// devices are left alone.
type fixer struct {
	env         states.Env
	base        string
	dirs, files attr
	links       attr // the mode is never said
	maxDepth    int
	noFiles     bool
	noDirs      bool
	skip        doomed // removed before
}

// fixer is nil where recurse asks for nothing.
func (d *Directory) fixer(env states.Env) (*fixer, error) {
	if len(d.Recurse) == 0 {
		return nil, nil
	}
	has := func(word string) bool { return slices.Contains(d.Recurse, word) }
	text := func(word, value string) string {
		if has(word) {
			return value
		}
		return ""
	}
	dirs, err := lookupAttr(text("user", d.User), text("group", d.Group), text("mode", d.mode()))
	if err != nil {
		return nil, err
	}
	files := dirs
	files.mode, files.modeSaid, err = parseMode(text("mode", d.FileMode))
	links := dirs
	links.modeSaid = false
	f := &fixer{env: env, base: d.Name, dirs: dirs, files: files, links: links, maxDepth: maxDepth,
		noFiles: has("ignore_files"), noDirs: has("ignore_dirs"), skip: d.doomed}
	if d.MaxDepth != nil {
		f.maxDepth = *d.MaxDepth
	}
	return f, err
}

// attrOf is what something should have; nothing where it is left alone.
func (f *fixer) attrOf(i hostfs.Info) attr {
	none := attr{uid: -1, gid: -1}
	switch i.Mode.Type() {
	case fs.ModeDir:
		if !f.noDirs {
			return f.dirs
		}
	case 0:
		if !f.noFiles {
			return f.files
		}
	case fs.ModeSymlink:
		if !f.noFiles {
			return f.links
		}
	}
	return none
}

// walk calls do with everything below dir that should have an owner or a mode, folders before what they hold.
func (f *fixer) walk(ctx context.Context, dir *hostfs.Dir, rel string, depth int, do func(dir *hostfs.Dir, name, rel string, i hostfs.Info, a attr) error) error {
	if depth > f.maxDepth {
		if f.maxDepth == maxDepth {
			return fmt.Errorf("%q: more than %d folders deep", path.Join(f.base, rel), maxDepth)
		}
		return nil
	}
	names, err := dir.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.one(ctx, dir, name, path.Join(rel, name), depth, do); err != nil {
			return err
		}
	}
	return nil
}

func (f *fixer) one(ctx context.Context, dir *hostfs.Dir, name, rel string, depth int, do func(dir *hostfs.Dir, name, rel string, i hostfs.Info, a attr) error) error {
	if _, gone := f.skip[rel]; gone {
		return nil
	}
	i, err := dir.Look(ctx, name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if s, ok := planned(f.env, path.Join(f.base, rel)); ok {
		if !s.exists || s.Mode.Type() != i.Mode.Type() {
			return nil
		}
		i.Mode, i.UID, i.GID = s.Mode, s.UID, s.GID
	}
	if a := f.attrOf(i); a.said() {
		if err := do(dir, name, rel, i, a); err != nil {
			return err
		}
	}
	if !i.Mode.IsDir() {
		return nil
	}
	sub, _, err := dir.Folder(name, false)
	if errors.Is(err, hostfs.ErrMount) || errors.Is(err, hostfs.ErrNotFolder) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer sub.Close()
	return f.walk(ctx, sub, rel, depth+1, do)
}

// fixNow sets what differs.
func (d *Directory) fixNow(ctx context.Context, env states.Env, dir *hostfs.Dir) error {
	f, err := d.fixer(env)
	if err != nil || f == nil {
		return err
	}
	f.skip = nil // gone, or back again
	return f.walk(ctx, dir, "", 1, func(dir *hostfs.Dir, name, rel string, i hostfs.Info, a attr) error {
		if len(a.compare(i)) == 0 {
			return nil
		}
		p := path.Join(d.Name, rel)
		if err := allowed(env, directoryFun, p); err != nil {
			return err
		}
		err := fix(ctx, env, dir, name, p, i, a)
		if errors.Is(err, hostfs.ErrMoved) {
			return nil // the next Check sees what stands there now
		}
		return err
	})
}

// fix sets owner and mode of one path. A file with further names is written anew: what they are, and who made them, is not known.
func fix(ctx context.Context, env states.Env, dir *hostfs.Dir, name, p string, i hostfs.Info, a attr) error {
	dir.Lazy = true
	r := a.over(seen{i, true}, i.Mode.Type(), 0)
	if i.IsRegular() && i.Links > 1 {
		return rewrite(ctx, env, p, r)
	}
	sum, err := sumOf(ctx, dir, name, i)
	if err != nil {
		return err
	}
	env.Expect(p, r.expected(sum))
	switch i.Mode.Type() {
	case fs.ModeDir:
		return dir.SetFolder(name, i, r.uid, r.gid, r.mode)
	case fs.ModeSymlink:
		return dir.SetLinkOwner(name, i, r.uid, r.gid)
	}
	return dir.SetAttributes(name, i, r.uid, r.gid, r.mode)
}

// maxHashed is how many bytes of a file are read to say what it holds, when only its owner or mode is set: without that, a change of
// its content by somebody else at that moment would count as Brine's own.
const maxHashed = 1 << 20

// sumOf is the hash of what a file holds; empty for a large one, and for what has none.
func sumOf(ctx context.Context, dir *hostfs.Dir, name string, i hostfs.Info) (string, error) {
	if !i.IsRegular() || i.Size > maxHashed {
		return "", nil
	}
	now, err := dir.Look(ctx, name, true)
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.Ino != i.Ino {
		return "", hostfs.ErrMoved
	}
	return now.SHA256, err
}

func rewrite(ctx context.Context, env states.Env, p string, r result) error {
	m := &Managed{Name: p, User: strconv.Itoa(r.uid), Group: strconv.Itoa(r.gid), Mode: hostfs.Octal(r.mode)}
	changes, err := m.Check(ctx, quiet(env))
	if err != nil {
		return err
	}
	return m.Apply(ctx, env, changes)
}
