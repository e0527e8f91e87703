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

// Managed is file.managed: a file is there, with this content, owner and mode. What is not said is left as it is;
// a new file is then empty, of mode 0644, and belongs to whom the minion runs as.
type Managed struct {
	Name     string         `yaml:"name" json:"name"`
	Source   *states.Source `yaml:"source" json:"source,omitempty"`
	Contents *Text          `yaml:"contents" json:"contents,omitempty"`
	User     string         `yaml:"user" json:"user,omitempty"`
	Group    string         `yaml:"group" json:"group,omitempty"`
	Mode     string         `yaml:"mode" json:"mode,omitempty"` // octal
	MakeDirs bool           `yaml:"makedirs" json:"makedirs,omitempty"`

	last *seen // what the last Check saw, so that Apply can tell what it displaces
}

// defaultMode is what a new file gets.
const defaultMode = fs.FileMode(0o644)

// Validate checks the arguments.
func (m *Managed) Validate() error {
	if err := hostfs.CheckPath(m.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if m.Source != nil && m.Contents != nil {
		return errors.New("source and contents are both given: a file has one content")
	}
	if m.Source != nil && m.Source.URL == "" && m.Source.Hash == "" {
		return errors.New("source is empty: want an address such as brine://motd")
	}
	if m.Contents != nil && len(*m.Contents) > maxContents {
		return fmt.Errorf("contents has %d bytes; at most %d, beyond that use source", len(*m.Contents), maxContents)
	}
	_, _, err := parseMode(m.Mode)
	return err
}

// Sources is the content's address, if it comes from the master's file roots.
func (m *Managed) Sources() []*states.Source {
	if m.Source == nil {
		return nil
	}
	return []*states.Source{m.Source}
}

// Check compares type, content, owner and mode.
func (m *Managed) Check(ctx context.Context, env states.Env) (states.Changes, error) {
	w, err := m.want()
	if err != nil {
		return nil, err
	}
	now, err := m.look(ctx, env, w)
	if err != nil {
		return nil, err
	}
	m.last = &now
	changes, err := m.compare(ctx, env, w, now)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	if env.Test {
		env.Expect(m.Name, w.over(now).expected(w.hashOver(now)))
	}
	return changes, nil
}

// look sees what stands at the path. In test mode what an earlier state would make of it counts.
func (m *Managed) look(ctx context.Context, env states.Env, w want) (seen, error) {
	if env.Test {
		if p, ok := env.Planned(m.Name); ok {
			return planned(p), nil
		}
	}
	dir, name, err := hostfs.Parent(env.Root, m.Name, false)
	if errors.Is(err, fs.ErrNotExist) {
		if m.MakeDirs {
			return seen{}, nil
		}
		if env.Test {
			if p, ok := env.Planned(path.Dir(m.Name)); ok && !p.Absent {
				return seen{}, nil
			}
		}
		return seen{}, fmt.Errorf("the folder of %q does not exist; makedirs: true makes it: %w", m.Name, err)
	}
	if err != nil {
		return seen{}, err
	}
	defer dir.Close()
	i, err := dir.Look(ctx, name, w.said)
	if errors.Is(err, fs.ErrNotExist) {
		return seen{}, nil
	}
	if err != nil {
		return seen{}, err
	}
	return seen{i, true}, m.replaceable(i, w)
}

// replaceable refuses to touch what is no file and may be precious.
func (m *Managed) replaceable(i hostfs.Info, w want) error {
	switch {
	case i.IsRegular():
		return nil
	case i.Mode.Type() != fs.ModeSymlink:
		return fmt.Errorf("%q is a %s: file.managed replaces files and symlinks only, so move it away first", m.Name, i.Kind())
	case !w.said:
		return fmt.Errorf("%q is a symlink to %q, and neither source nor contents says what should stand there instead", m.Name, i.Target)
	}
	return nil
}

func (m *Managed) compare(ctx context.Context, env states.Env, w want, now seen) (states.Changes, error) {
	var changes states.Changes
	if !now.exists {
		changes = append(changes, states.Change{What: "exists", From: "absent", To: "file"})
	} else if !now.IsRegular() {
		changes = append(changes, states.Change{What: "type", From: now.text(), To: "file"})
	}
	if w.said && now.SHA256 != w.hash {
		diff, err := m.diff(ctx, env, w, now)
		if err != nil {
			return nil, err
		}
		changes = append(changes, states.Change{What: "content", From: sumText(now.SHA256), To: sumText(w.hash), Diff: diff})
	}
	if !now.exists || !now.IsRegular() {
		return changes, nil
	}
	if w.uid >= 0 && now.UID != w.uid {
		changes = append(changes, states.Change{What: "user", From: userName(now.UID), To: userName(w.uid)})
	}
	if w.gid >= 0 && now.GID != w.gid {
		changes = append(changes, states.Change{What: "group", From: groupName(now.GID), To: groupName(w.gid)})
	}
	if from := now.Mode &^ fs.ModeType; w.modeSaid && from != w.mode {
		changes = append(changes, states.Change{What: "mode", From: hostfs.Octal(from), To: hostfs.Octal(w.mode)})
	}
	return changes, nil
}

// Comment says in a sentence what came of it, as Salt does.
func (m *Managed) Comment(changes states.Changes, test bool) string {
	switch {
	case len(changes) == 0:
		return fmt.Sprintf("File %s is in the correct state", m.Name)
	case test:
		return fmt.Sprintf("The file %s is set to be changed", m.Name)
	}
	return fmt.Sprintf("File %s updated", m.Name)
}

func sumText(hash string) string {
	if hash == "" {
		return ""
	}
	return "sha256:" + hash
}

func planned(p states.Expected) seen {
	if p.Absent {
		return seen{}
	}
	return seen{hostfs.Info{Mode: p.Mode, UID: p.UID, GID: p.GID, SHA256: p.SHA256, Links: 1}, true}
}
