package file

import (
	"errors"
	"io/fs"
	"path"

	"brine/internal/hostfs"
	"brine/states"
)

// batch is what the parts of a state over many paths share. What each alone would sync is synced once at the end.
type batch struct {
	dirs map[string]bool // paths of folders whose names have changed
}

func newBatch() *batch { return &batch{dirs: map[string]bool{}} }

// sync makes what was done in a folder last: at the end of the run, or of the batch.
func (b *batch) sync(env states.Env, dir *hostfs.Dir) error {
	if b == nil {
		return lasting(env, dir)
	}
	b.dirs[dir.Path()] = true
	return nil
}

// finish syncs what was put off.
func (b *batch) finish(env states.Env) error {
	var errs []error
	for p := range b.dirs {
		errs = append(errs, syncFolder(env.Root, p))
	}
	b.dirs = map[string]bool{}
	return errors.Join(errs...)
}

// lasting makes what was done in a folder last, with what other states of the run have done there.
func lasting(env states.Env, dir *hostfs.Dir) error {
	if env.Later == nil {
		return dir.Sync()
	}
	p := dir.Path()
	env.Later(p, func() error { return syncFolder(env.Root, p) })
	return nil
}

// syncFolder does that for a folder by its path. One that was removed since needs it no more.
func syncFolder(root, p string) error {
	dir, _, err := hostfs.Parent(root, path.Join(p, "any"), false) // the folder may be "/"
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// lastingFile makes owner and mode last that were set in place.
func lastingFile(env states.Env, p string) {
	if env.Later == nil {
		return
	}
	env.Later(p, func() error {
		dir, name, err := hostfs.Parent(env.Root, p, false)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer dir.Close()
		return dir.SyncFile(name)
	})
}
