package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"brine/internal/hostfs"
	"brine/states"
)

// Absent is file.absent: there is no file, symlink, pipe or socket of this name. A link itself is removed, never what it
// points at. Folders and devices are refused.
type Absent struct {
	Name string `yaml:"name" json:"name"`

	last *seen // what the last Check saw
}

// Validate checks the name.
func (a *Absent) Validate() error {
	if err := hostfs.CheckPath(a.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	return nil
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
		env.Expect(a.Name, gone)
	}
	return states.Changes{{What: "exists", From: now.text(), To: "absent"}}, nil
}

// gone is what the state makes of its path.
var gone = states.Expected{Absent: true, UID: -1, GID: -1}

func (a *Absent) look(ctx context.Context, env states.Env) (seen, error) {
	if env.Test {
		if p, ok := env.Planned(a.Name); ok {
			return planned(p), nil
		}
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
	return seen{i, true}, a.removable(i)
}

func (a *Absent) removable(i hostfs.Info) error {
	if t := i.Mode.Type(); t&(fs.ModeDir|fs.ModeDevice) != 0 {
		return fmt.Errorf("%q is a %s: file.absent removes files, symlinks, pipes and sockets only", a.Name, i.Kind())
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
	env.Expect(a.Name, gone)
	aside, err := dir.Remove(name, func(left string) { env.Displaced(a.Name, left) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	got, err := aside.Displaced(context.Background())
	if err == nil && a.removable(got) != nil {
		if err := aside.PutBack(); err != nil {
			return err
		}
		return a.removable(got)
	}
	if err != nil || !got.Same(a.last.Info) {
		env.Displaced(a.Name, aside.Temp())
	}
	if err := aside.Discard(); err != nil {
		return err
	}
	return dir.Sync()
}

// Comment says in a sentence what came of it, as Salt does.
func (a *Absent) Comment(changes states.Changes, test bool) string {
	switch {
	case len(changes) == 0:
		return fmt.Sprintf("File %s is not present", a.Name)
	case test:
		return fmt.Sprintf("File %s is set for removal", a.Name)
	}
	return fmt.Sprintf("Removed file %s", a.Name)
}
