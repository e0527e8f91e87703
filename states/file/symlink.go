package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"brine/internal/hostfs"
	"brine/states"
)

// Symlink is file.symlink: a symbolic link of this name leads to target, whether that exists or not. A link that leads
// elsewhere is replaced; a file only with force; a folder only with force, and never one of the system's or one with mounts.
type Symlink struct {
	Name     string `yaml:"name" json:"name"`
	Target   string `yaml:"target" json:"target"`
	Force    bool   `yaml:"force" json:"force,omitempty"`
	MakeDirs bool   `yaml:"makedirs" json:"makedirs,omitempty"`
	DirMode  string `yaml:"dir_mode" json:"dir_mode,omitempty"` // of the folders that are made on the way
	User     string `yaml:"user" json:"user,omitempty"`         // of the link itself
	Group    string `yaml:"group" json:"group,omitempty"`
	Backup   string `yaml:"backup" json:"backup,omitempty"` // minion: a file in the way must be kept, or nothing is done

	last     *seen // what the last Check saw
	doomed   doomed
	dangling bool // the target did not exist then
}

const symlinkFun = "file.symlink"

// maxTarget is what a link can hold, in bytes: PATH_MAX less the zero byte.
const maxTarget = 4095

// linkMode is the mode that every symlink has.
const linkMode = fs.ModeSymlink | 0o777

// Validate checks the arguments.
func (l *Symlink) Validate() error {
	if err := hostfs.CheckPath(l.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	switch {
	case l.Target == "":
		return errors.New("target is empty: want the path that the link leads to")
	case len(l.Target) > maxTarget || strings.IndexByte(l.Target, 0) >= 0:
		return fmt.Errorf("target %.40q holds a zero byte, or has more than %d bytes", l.Target, maxTarget)
	case l.Target == l.Name:
		return fmt.Errorf("target %q is the link itself", l.Target)
	}
	if l.Force {
		if err := hostfs.CheckRemovable(l.Name); err != nil {
			return fmt.Errorf("force: %w", err)
		}
	}
	return errors.Join(checkModes("dir_mode", l.DirMode), checkBackup(l.Backup))
}

// Check compares type, target and owner.
func (l *Symlink) Check(ctx context.Context, env states.Env) (states.Changes, error) {
	a, w, err := l.want()
	if err != nil {
		return nil, err
	}
	now, err := l.look(ctx, env)
	if err != nil {
		return nil, err
	}
	l.last, l.dangling = &now, l.dangles(ctx, env)
	var changes states.Changes
	switch {
	case !now.exists:
		changes = states.Changes{{What: "exists", From: "absent", To: "symlink"}, {What: "target", To: l.Target}}
	case now.Mode.Type() != fs.ModeSymlink:
		changes = states.Changes{{What: "type", From: now.text(), To: "symlink"}, {What: "target", To: l.Target}}
	default:
		if now.Info.Target != l.Target {
			changes = states.Changes{{What: "target", From: now.Info.Target, To: l.Target}}
		}
		changes = append(changes, a.compare(now.Info)...)
	}
	if env.Test && len(changes) > 0 {
		w.expect(env, l.Name)
		env.Expect(l.Name, l.expected(a, now))
	}
	return changes, nil
}

func (l *Symlink) want() (a attr, w way, err error) {
	if a, err = lookupAttr(l.User, l.Group, ""); err != nil {
		return a, w, err
	}
	w, err = wayOf(l.MakeDirs, a, l.DirMode)
	return a, w, err
}

func (l *Symlink) expected(a attr, now seen) states.Expected {
	e := a.over(now, fs.ModeSymlink, 0o777).expected("")
	e.Mode, e.Target = linkMode, l.Target
	return e
}

// look sees what stands at the path, and refuses what may not be replaced.
func (l *Symlink) look(ctx context.Context, env states.Env) (seen, error) {
	if s, ok := planned(env, l.Name); ok {
		if !s.exists && !l.MakeDirs && noFolderPlanned(env, path.Dir(l.Name)) {
			return seen{}, noFolder(l.Name, fs.ErrNotExist)
		}
		return s, l.replaceable(s)
	}
	dir, name, err := hostfs.Parent(env.Root, l.Name, false)
	if errors.Is(err, fs.ErrNotExist) {
		if l.MakeDirs || folderPlanned(env, path.Dir(l.Name)) {
			return seen{}, nil
		}
		return seen{}, noFolder(l.Name, err)
	}
	if err != nil {
		return seen{}, err
	}
	defer dir.Close()
	i, err := dir.Look(ctx, name, true)
	if errors.Is(err, fs.ErrNotExist) {
		return seen{}, nil
	}
	if err != nil {
		return seen{}, err
	}
	now := seen{i, true}
	if err := l.replaceable(now); err != nil || !i.Mode.IsDir() {
		return now, err
	}
	sw := &sweeper{env: env, fun: symlinkFun, base: l.Name}
	err = surveyFolder(ctx, sw, dir, name, i)
	l.doomed = sw.doomed
	return now, err
}

func (l *Symlink) replaceable(now seen) error {
	switch t := now.Mode.Type(); {
	case !now.exists || t == fs.ModeSymlink:
		return nil
	case t&fs.ModeDevice != 0:
		return fmt.Errorf("%q is a %s: file.symlink never replaces one", l.Name, now.Kind())
	case !l.Force:
		return fmt.Errorf("%q is a %s where the symlink should be; force: true replaces it", l.Name, now.Kind())
	}
	return nil
}

// dangles looks whether the target is missing. A target that cannot be looked at counts as being there.
func (l *Symlink) dangles(ctx context.Context, env states.Env) bool {
	target := l.Target
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(l.Name), target)
	}
	target = path.Clean(target)
	if target == "/" {
		return false
	}
	if s, ok := planned(env, target); ok {
		return !s.exists
	}
	dir, name, err := hostfs.Parent(env.Root, target, false)
	if err == nil {
		_, err = dir.Look(ctx, name, false)
		dir.Close()
	}
	return errors.Is(err, fs.ErrNotExist)
}

// Apply puts a new link in place of what is there, or gives the one that is there to whom it should belong.
func (l *Symlink) Apply(ctx context.Context, env states.Env, changes states.Changes) error {
	if len(changes) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a, w, err := l.want()
	if err != nil {
		return err
	}
	if l.last == nil {
		now, err := l.look(ctx, env)
		if err != nil {
			return err
		}
		l.last = &now
	}
	now := *l.last
	dir, name, err := w.open(env, l.Name)
	if err != nil {
		return err
	}
	defer dir.Close()
	env.Expect(l.Name, l.expected(a, now))
	if inPlace(changes) {
		err := dir.SetLinkOwner(name, now.Info, a.uid, a.gid)
		if errors.Is(err, hostfs.ErrMoved) {
			return nil // the next Check sees what stands there now
		}
		return err
	}
	r := a.over(now, fs.ModeSymlink, 0o777)
	if !now.exists {
		adjusted(env, l.Name, now)
	}
	draft, err := dir.DraftLink(name, l.Target, r.uid, r.gid, func(left string) { env.Displaced(l.Name, left) })
	if err != nil {
		return err
	}
	s := swap{path: l.Name, fun: symlinkFun, must: l.Backup == keptOnMinion, refuse: l.replaceable, doomed: l.doomed}
	if err := s.run(ctx, env, draft, now); err != nil {
		return err
	}
	return lasting(env, dir)
}

// Comment says in a sentence what came of it, as Salt does.
func (l *Symlink) Comment(changes states.Changes, test bool) string {
	note := ""
	if l.dangling {
		note = fmt.Sprintf("; its target %s does not exist", l.Target)
	}
	switch {
	case len(changes) == 0:
		return fmt.Sprintf("Symlink %s is present%s", l.Name, note)
	case test:
		return fmt.Sprintf("Symlink %s to %s is set for creation%s", l.Name, l.Target, note)
	}
	return fmt.Sprintf("Created symlink %s -> %s%s", l.Name, l.Target, note)
}

// Watch is states.Watched.
func (l *Symlink) Watch() []states.Watch {
	return []states.Watch{{Beacon: "file", Path: l.Name, Link: true}}
}
