package file

import (
	"errors"
	"io/fs"

	"brine/internal/hostfs"
	"brine/states"
)

// batch is what the parts of a state over many paths share. What each alone would sync is synced once at the end.
type batch struct {
	dirs map[string]bool // paths of folders whose names have changed
}

func newBatch() *batch { return &batch{dirs: map[string]bool{}} }

// sync makes what was done in a folder last: at once, or in a batch at its end.
func (b *batch) sync(dir *hostfs.Dir) error {
	if b == nil {
		return dir.Sync()
	}
	b.dirs[dir.Path()] = true
	return nil
}

// finish syncs what was put off.
func (b *batch) finish(env states.Env) error {
	var errs []error
	for p := range b.dirs {
		dir, _, err := hostfs.OpenFolder(env.Root, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed later in the same batch
		}
		if err == nil {
			err = dir.Sync()
			dir.Close()
		}
		errs = append(errs, err)
	}
	b.dirs = map[string]bool{}
	return errors.Join(errs...)
}
