package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"brine/internal/hostfs"
	"brine/states"
)

// Absent is file.absent: there is nothing of this name. A link itself is removed, never what it points at. A folder is
// removed with all it holds, as Salt does, but never through a link and never when something is mounted in it; the folders
// of the system and devices are refused.
type Absent struct {
	Name   string `yaml:"name" json:"name"`
	Backup string `yaml:"backup" json:"backup,omitempty"` // minion: what was there must be kept, or it stays

	last   *seen // what the last Check saw
	doomed doomed
}

const absentFun = "file.absent"

// Validate checks the name.
func (a *Absent) Validate() error {
	if err := hostfs.CheckPath(a.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if err := hostfs.CheckRemovable(a.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	return checkBackup(a.Backup)
}

// Check looks whether there is something.
func (a *Absent) Check(ctx context.Context, env states.Env) (states.Changes, error) {
	now, err := a.look(ctx, env)
	if err != nil {
		return nil, err
	}
	a.last = &now
	if !now.exists {
		return nil, nil
	}
	if env.Test {
		env.Expect(a.Name, goneForGood)
	}
	from := now.text()
	if len(a.doomed) > 0 {
		from += fmt.Sprintf(" with %d entries", len(a.doomed))
	}
	return states.Changes{{What: "exists", From: from, To: "absent"}}, nil
}

// goneForGood is what is made of a path that is removed.
var goneForGood = states.Expected{Absent: true, UID: -1, GID: -1}

func (a *Absent) look(ctx context.Context, env states.Env) (seen, error) {
	a.doomed = nil
	if s, ok := planned(env, a.Name); ok {
		return s, nil
	}
	dir, name, err := hostfs.Parent(env.Root, a.Name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return seen{}, nil
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
	if i.Mode.IsDir() {
		s := a.sweeper(env)
		err := surveyFolder(ctx, s, dir, name, i)
		a.doomed = s.doomed
		return seen{i, true}, err
	}
	return seen{i, true}, a.removable(i)
}

func (a *Absent) sweeper(env states.Env) *sweeper {
	return &sweeper{env: env, fun: absentFun, base: a.Name, must: a.Backup == keptOnMinion, doomed: a.doomed}
}

func (a *Absent) removable(i hostfs.Info) error {
	if t := i.Mode.Type(); t&fs.ModeDevice != 0 {
		return fmt.Errorf("%q is a %s: file.absent removes files, symlinks, folders, pipes and sockets only", a.Name, i.Kind())
	}
	return nil
}

// Apply removes it, and reports it first when it is not what Check had seen.
func (a *Absent) Apply(ctx context.Context, env states.Env, changes states.Changes) error {
	if len(changes) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.last == nil {
		now, err := a.look(ctx, env)
		if err != nil {
			return err
		}
		a.last = &now
	}
	dir, name, err := hostfs.Parent(env.Root, a.Name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if a.last.exists && a.last.Mode.IsDir() {
		err = a.removeFolder(ctx, env, dir, name)
	} else {
		err = a.removeFile(env, dir, name)
	}
	if err != nil {
		return err
	}
	return lasting(env, dir)
}

// removeFolder empties and removes the folder that Check saw.
func (a *Absent) removeFolder(ctx context.Context, env states.Env, dir *hostfs.Dir, name string) error {
	sub, i, err := dir.Folder(name, false)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, hostfs.ErrNotFolder) {
		return nil // the next Check sees what stands there now
	}
	if err != nil {
		return err
	}
	defer sub.Close()
	if i.Ino != a.last.Ino || i.Dev != a.last.Dev {
		return fmt.Errorf("%q became another folder meanwhile", a.Name)
	}
	for range maxPasses {
		if _, err := a.sweeper(env).empty(ctx, sub, "", 0); err != nil {
			return err
		}
		env.Expect(a.Name, goneForGood)
		if err = dir.RemoveFolder(name); !errors.Is(err, hostfs.ErrNotEmpty) {
			return err
		}
	}
	return fmt.Errorf("somebody else keeps filling it: %w", err)
}

func (a *Absent) removeFile(env states.Env, dir *hostfs.Dir, name string) error {
	env.Expect(a.Name, goneForGood)
	aside, err := dir.Remove(name, func(left string) { env.Displaced(a.Name, left) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	got, err := aside.Displaced(context.Background())
	switch {
	case err == nil && got.Mode.IsDir():
		return errors.Join(fmt.Errorf("%q became a directory meanwhile", a.Name), aside.PutBack())
	case err == nil && a.removable(got) != nil:
		return errors.Join(a.removable(got), aside.PutBack())
	case err != nil || !got.Same(a.last.Info):
		env.Displaced(a.Name, aside.Temp())
	default:
		if err := replaced(env, a.Name, aside.Temp(), a.Backup == keptOnMinion); err != nil {
			return errors.Join(fmt.Errorf("backup of %q, which was left as it was: %w", a.Name, err), aside.PutBack())
		}
	}
	return aside.Discard()
}

// Comment says in a sentence what came of it, as Salt does.
func (a *Absent) Comment(changes states.Changes, test bool) string {
	what := "file"
	if len(changes) > 0 && strings.HasPrefix(changes[0].From, "directory") {
		what = "directory"
	}
	switch {
	case len(changes) == 0:
		return fmt.Sprintf("File %s is not present", a.Name)
	case test:
		return fmt.Sprintf("The %s %s is set for removal", what, a.Name)
	}
	return fmt.Sprintf("Removed %s %s", what, a.Name)
}
