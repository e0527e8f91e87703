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

// Managed is file.managed: a file is there, with this content, owner and mode. What is not said is left as it is, extended
// attributes, ACL and SELinux label always; a new file is then empty, of mode 0644, and belongs to whom the minion runs as. Content is
// bytes: encoding, byte order mark and line ends are those of the source, and a file that holds the same bytes is not written.
type Managed struct {
	Name        string         `yaml:"name" json:"name"`
	Source      *states.Source `yaml:"source" json:"source,omitempty"`
	Contents    *Text          `yaml:"contents" json:"contents,omitempty"`
	User        string         `yaml:"user" json:"user,omitempty"`
	Group       string         `yaml:"group" json:"group,omitempty"`
	Mode        string         `yaml:"mode" json:"mode,omitempty"` // octal; 'keep' is that of the source
	MakeDirs    bool           `yaml:"makedirs" json:"makedirs,omitempty"`
	DirMode     string         `yaml:"dir_mode" json:"dir_mode,omitempty"` // of the folders that are made on the way
	Replace     *bool          `yaml:"replace" json:"replace,omitempty"`   // false: content that is there is never touched
	Create      *bool          `yaml:"create" json:"create,omitempty"`     // false: what is not there is not made
	Backup      string         `yaml:"backup" json:"backup,omitempty"`     // minion: what was there must be kept, or nothing is written
	ShowChanges *bool          `yaml:"show_changes" json:"show_changes,omitempty"`
	CheckCmd    Command        `yaml:"check_cmd" json:"check_cmd,omitempty"` // must accept the new file, whose path is its last argument

	Xattrs  Xattrs   `yaml:"xattrs" json:"xattrs,omitempty"`   // extended attributes, ACLs among them; null: there must be none of that name
	SELinux *SELinux `yaml:"selinux" json:"selinux,omitempty"` // seuser, serole, setype, serange

	todo  []setting // extended attributes that the last look found to differ
	last  *seen     // what the last Check saw, so that Apply can tell what it displaces
	batch *batch    // the state that this one is a part of; nil where it stands for itself
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
	if m.Mode == keepMode {
		if m.Source == nil {
			return errors.New("mode 'keep' is that of the source, and none is given")
		}
	} else if err := checkModes("mode", m.Mode); err != nil {
		return err
	}
	if m.DirMode != "" && !m.MakeDirs {
		return errors.New("dir_mode is that of folders which makedirs: true makes, and it is not given")
	}
	if err := m.CheckCmd.validate(); err != nil {
		return fmt.Errorf("check_cmd: %w", err)
	}
	return errors.Join(checkModes("dir_mode", m.DirMode), checkBackup(m.Backup), m.Xattrs.validate(), m.SELinux.validate())
}

// Sources is the content's address, if it comes from the master's file roots.
func (m *Managed) Sources() []*states.Source {
	if m.Source == nil {
		return nil
	}
	m.Source.WithMode = m.Mode == keepMode
	return []*states.Source{m.Source}
}

// Check compares type, content, owner and mode.
func (m *Managed) Check(ctx context.Context, env states.Env) (states.Changes, error) {
	if err := m.CheckCmd.allowed(env); err != nil {
		return nil, err
	}
	if err := m.labelled().possible(env); err != nil {
		return nil, err
	}
	w, err := m.want()
	if err != nil {
		return nil, err
	}
	now, err := m.look(ctx, env, w)
	if err != nil {
		return nil, err
	}
	m.last = &now
	if !now.exists && !is(m.Create, true) {
		return nil, nil
	}
	w = m.settled(w, now)
	changes, err := m.compare(ctx, env, w, now)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	if env.Test {
		w.expect(env, m.Name)
		env.Expect(m.Name, w.over(now, 0, defaultMode).expected(w.hashOver(now)))
	}
	return changes, nil
}

// look sees what stands at the path. In test mode what an earlier state would make of it counts.
func (m *Managed) look(ctx context.Context, env states.Env, w want) (seen, error) {
	m.todo = nil
	if s, ok := planned(env, m.Name); ok {
		if !s.exists && !m.needsNoFolder() && noFolderPlanned(env, path.Dir(m.Name)) {
			return seen{}, noFolder(m.Name, fs.ErrNotExist)
		}
		return s, m.replaceable(s, m.settled(w, s))
	}
	dir, name, err := hostfs.Parent(env.Root, m.Name, false)
	if errors.Is(err, fs.ErrNotExist) {
		if m.needsNoFolder() || folderPlanned(env, path.Dir(m.Name)) {
			return seen{}, nil
		}
		return seen{}, noFolder(m.Name, err)
	}
	if err != nil {
		return seen{}, err
	}
	defer dir.Close()
	i, err := dir.Look(ctx, name, w.said && is(m.Replace, true))
	if errors.Is(err, fs.ErrNotExist) {
		return seen{}, nil
	}
	if err != nil {
		return seen{}, err
	}
	now := seen{i, true}
	if l := m.labelled(); l.said() && i.IsRegular() {
		if m.todo, err = l.differ(dir, name); err != nil {
			return seen{}, err
		}
	}
	return now, m.replaceable(now, m.settled(w, now))
}

func (m *Managed) labelled() labelled { return labelled{m.Xattrs, m.SELinux} }

// needsNoFolder reports whether the folder of the file may be missing when it is checked.
func (m *Managed) needsNoFolder() bool { return m.MakeDirs || m.batch != nil || !is(m.Create, true) }

// replaceable refuses to touch what is no file and may be precious.
func (m *Managed) replaceable(now seen, w want) error {
	switch {
	case !now.exists || now.IsRegular():
		return nil
	case now.Mode.Type() != fs.ModeSymlink:
		return fmt.Errorf("%q is a %s: file.managed replaces files and symlinks only, so move it away first", m.Name, now.Kind())
	case !is(m.Replace, true):
		return fmt.Errorf("%q is a symlink to %q, and replace: false says that it must stay", m.Name, now.Target)
	case !w.said:
		return fmt.Errorf("%q is a symlink to %q, and neither source nor contents says what should stand there instead", m.Name, now.Target)
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
	changes = append(changes, w.attr.compare(now.Info)...)
	return append(changes, xattrChanges(m.todo)...), nil
}

// Comment says in a sentence what came of it, as Salt does.
func (m *Managed) Comment(changes states.Changes, test bool) string {
	switch {
	case len(changes) == 0 && m.last != nil && !m.last.exists:
		return fmt.Sprintf("File %s is not present, and create: false says not to make it", m.Name)
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
