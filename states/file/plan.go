package file

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"brine/internal/hostfs"
	"brine/states"
)

// planned says, in test mode, what earlier states would have made of p: of itself, or by removing or replacing a
// folder above it.
func planned(env states.Env, p string) (seen, bool) {
	if !env.Test {
		return seen{}, false
	}
	if e, ok := env.Planned(p); ok {
		return seenOf(e), true
	}
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		if e, ok := env.Planned(dir); ok {
			return seen{}, e.Absent || !e.Mode.IsDir()
		}
	}
	return seen{}, false
}

// folderPlanned reports whether p will be a folder in test mode.
func folderPlanned(env states.Env, p string) bool {
	s, ok := planned(env, p)
	return ok && s.exists && s.Mode.IsDir()
}

// noFolderPlanned reports whether p will be no folder in test mode.
func noFolderPlanned(env states.Env, p string) bool {
	s, ok := planned(env, p)
	return ok && !(s.exists && s.Mode.IsDir())
}

func seenOf(e states.Expected) seen {
	if e.Absent {
		return seen{}
	}
	return seen{hostfs.Info{Mode: e.Mode, UID: e.UID, GID: e.GID, SHA256: e.SHA256, Target: e.Target, Links: 1}, true}
}

// missing are the folders on the way to p that do not exist, the topmost first.
func missing(env states.Env, p string) (dirs []string) {
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		if s, ok := planned(env, dir); ok {
			if s.exists {
				break
			}
		} else if d, _, err := hostfs.OpenFolder(env.Root, dir); err == nil {
			d.Close()
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			break // the way is barred, which others find out
		}
		dirs = append([]string{dir}, dirs...)
	}
	return dirs
}

// way is how the folders on the way to a path are made.
type way struct {
	make bool
	made hostfs.Made
}

// defaultFolderMode is what a new folder gets.
const defaultFolderMode = fs.FileMode(0o755)

// wayOf takes the owner from a; mode is octal text, empty for the default.
func wayOf(make bool, a attr, mode string) (way, error) {
	w := way{make, hostfs.Made{Mode: defaultFolderMode, UID: a.uid, GID: a.gid}}
	m, said, err := parseMode(mode)
	if said {
		w.made.Mode = m
	}
	return w, err
}

// expect announces the folders that opening the way to p will make.
func (w way) expect(env states.Env, p string) {
	if !w.make {
		return
	}
	for _, dir := range missing(env, p) {
		env.Expect(dir, states.Expected{Mode: fs.ModeDir | w.made.Mode, UID: w.made.UID, GID: w.made.GID})
	}
}

// open opens the folder that holds p, and makes what is missing on the way.
func (w way) open(env states.Env, p string) (*hostfs.Dir, string, error) {
	if !w.make {
		return hostfs.ParentMade(env.Root, p, nil)
	}
	w.expect(env, p)
	return hostfs.ParentMade(env.Root, p, &w.made)
}

// noFolder is the error for a path whose folder is missing.
func noFolder(p string, err error) error {
	return fmt.Errorf("the folder of %q does not exist; makedirs: true makes it: %w", p, err)
}
