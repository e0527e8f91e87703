package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"brine/internal/config"
	"brine/internal/hostfs"
	"brine/states"
)

// Directory is file.directory: a folder is there, with this owner and mode. recurse gives these to what it holds; clean
// removes from it what no state of the low state is about and no pattern excludes. Neither follows a link nor enters another mount.
type Directory struct {
	Name         string         `yaml:"name" json:"name"`
	User         string         `yaml:"user" json:"user,omitempty"`
	Group        string         `yaml:"group" json:"group,omitempty"`
	Mode         string         `yaml:"mode" json:"mode,omitempty"`           // octal; the same as dir_mode
	DirMode      string         `yaml:"dir_mode" json:"dir_mode,omitempty"`   // of the folder, of folders in it where recurse says mode, and of those on the way
	FileMode     string         `yaml:"file_mode" json:"file_mode,omitempty"` // of files in it, where recurse says mode
	MakeDirs     bool           `yaml:"makedirs" json:"makedirs,omitempty"`
	Recurse      config.Strings `yaml:"recurse" json:"recurse,omitempty"`     // user, group, mode, ignore_files, ignore_dirs
	MaxDepth     *int           `yaml:"max_depth" json:"max_depth,omitempty"` // folders that recurse enters below each other; 0 is only this one
	Clean        bool           `yaml:"clean" json:"clean,omitempty"`
	Exclude      config.Strings `yaml:"exclude" json:"exclude,omitempty"` // patterns of what clean leaves, below the folder
	ExcludePat   config.Strings `yaml:"exclude_pat" json:"exclude_pat,omitempty"`
	Keep         config.Strings `yaml:"keep" json:"keep,omitempty"`                   // paths that clean leaves; the master adds those that other states are about
	Force        bool           `yaml:"force" json:"force,omitempty"`                 // replaces a file or a link in the way
	AllowSymlink bool           `yaml:"allow_symlink" json:"allow_symlink,omitempty"` // a link of root's that leads to a folder will do
	Backup       string         `yaml:"backup" json:"backup,omitempty"`               // minion: what is removed or replaced must be kept

	Xattrs  Xattrs   `yaml:"xattrs" json:"xattrs,omitempty"`   // of the folder itself: extended attributes, ACLs among them; null: there must be none of that name
	SELinux *SELinux `yaml:"selinux" json:"selinux,omitempty"` // of the folder itself: seuser, serole, setype, serange

	todo   []setting // extended attributes that the last look found to differ
	last   *seen     // what the last Check saw
	doomed doomed
	batch  *batch // the state that this one is a part of; nil where it stands for itself
}

const directoryFun = "file.directory"

// What recurse takes.
var recurseWords = []string{"user", "group", "mode", "ignore_files", "ignore_dirs"}

// Validate checks the arguments.
func (d *Directory) Validate() error {
	if err := hostfs.CheckPath(d.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if d.Mode != "" && d.DirMode != "" && d.Mode != d.DirMode {
		return fmt.Errorf("mode %q and dir_mode %q are both given: they mean the same", d.Mode, d.DirMode)
	}
	if err := checkModes("mode", d.Mode, "dir_mode", d.DirMode, "file_mode", d.FileMode); err != nil {
		return err
	}
	if err := d.validRecurse(); err != nil {
		return err
	}
	if d.Clean {
		if err := hostfs.CheckRemovable(d.Name); err != nil {
			return fmt.Errorf("clean: %w", err)
		}
	}
	if _, err := d.patterns(); err != nil {
		return err
	}
	return errors.Join(checkBackup(d.Backup), d.Xattrs.validate(), d.SELinux.validate())
}

func (d *Directory) validRecurse() error {
	for _, w := range d.Recurse {
		if !slices.Contains(recurseWords, w) {
			return fmt.Errorf("recurse: %q: want a list of %v", w, recurseWords)
		}
	}
	for word, missing := range map[string]bool{"user": d.User == "", "group": d.Group == "", "mode": d.mode() == "" && d.FileMode == ""} {
		if missing && slices.Contains(d.Recurse, word) {
			return fmt.Errorf("recurse names %s, but no %s is given", word, word)
		}
	}
	switch {
	case slices.Contains(d.Recurse, "ignore_files") && slices.Contains(d.Recurse, "ignore_dirs"):
		return errors.New("recurse: ignore_files and ignore_dirs together leave nothing")
	case d.MaxDepth != nil && len(d.Recurse) == 0:
		return errors.New("max_depth bounds recurse, and it is not given")
	case d.MaxDepth != nil && d.Clean:
		return errors.New("max_depth and clean exclude each other")
	case d.MaxDepth != nil && (*d.MaxDepth < 0 || *d.MaxDepth > maxDepth):
		return fmt.Errorf("max_depth is %d; want 0 to %d", *d.MaxDepth, maxDepth)
	}
	return nil
}

func (d *Directory) mode() string {
	if d.DirMode != "" {
		return d.DirMode
	}
	return d.Mode
}

func (d *Directory) patterns() (patterns, error) {
	return parsePatterns("exclude_pat", d.ExcludePat, d.Exclude)
}

// Gather is states.Gathering.
func (d *Directory) Gather(names []string) {
	if d.Clean {
		d.Keep = append(d.Keep, below(d.Name, names)...)
	}
}

// Check compares the folder, then what it holds as far as recurse and clean ask for that.
func (d *Directory) Check(ctx context.Context, env states.Env) (states.Changes, error) {
	a, w, err := d.want()
	if err != nil {
		return nil, err
	}
	if err := d.labelled().possible(env); err != nil {
		return nil, err
	}
	now, dir, err := d.look(ctx, env)
	if err != nil {
		return nil, err
	}
	if dir != nil {
		defer dir.Close()
	}
	d.last, d.doomed = &now, doomed{}
	var r report
	switch {
	case !now.exists:
		r.add("", states.Change{What: "exists", From: "absent", To: "directory"})
	case !now.Mode.IsDir():
		r.add("", states.Change{What: "type", From: now.text(), To: "directory"})
	default:
		r.add("", a.compare(now.Info)...)
		r.add("", xattrChanges(d.todo)...)
	}
	if env.Test && len(r.changes) > 0 {
		w.expect(env, d.Name)
		env.Expect(d.Name, a.over(now, fs.ModeDir, defaultFolderMode).expected(""))
	}
	if dir != nil {
		if err := d.checkBelow(ctx, env, dir, &r); err != nil {
			return nil, err
		}
	}
	return r.done(), nil
}

func (d *Directory) want() (a attr, w way, err error) {
	if a, err = lookupAttr(d.User, d.Group, d.mode()); err != nil {
		return a, w, err
	}
	w, err = wayOf(d.MakeDirs, a, d.mode())
	return a, w, err
}

// look sees what stands at the path, and opens it where it is a folder on the disk.
func (d *Directory) look(ctx context.Context, env states.Env) (seen, *hostfs.Dir, error) {
	if s, ok := planned(env, d.Name); ok {
		if !s.exists && !d.MakeDirs && d.batch == nil && noFolderPlanned(env, path.Dir(d.Name)) {
			return seen{}, nil, noFolder(d.Name, fs.ErrNotExist)
		}
		if err := d.replaceable(s); err != nil || !s.exists || !s.Mode.IsDir() {
			return s, nil, err
		}
		if real, dir, err := d.lookOnDisk(ctx, env); err == nil && dir != nil {
			real.Mode, real.UID, real.GID = s.Mode, s.UID, s.GID
			return real, dir, nil
		}
		return s, nil, nil
	}
	now, dir, err := d.lookOnDisk(ctx, env)
	if errors.Is(err, fs.ErrNotExist) {
		if d.MakeDirs || d.batch != nil || folderPlanned(env, path.Dir(d.Name)) {
			return seen{}, nil, nil
		}
		return seen{}, nil, noFolder(d.Name, err)
	}
	if err == nil {
		err = d.replaceable(now)
	}
	return now, dir, err
}

// lookOnDisk returns fs.ErrNotExist only where the folder that should hold it is missing.
func (d *Directory) lookOnDisk(ctx context.Context, env states.Env) (seen, *hostfs.Dir, error) {
	d.todo = nil
	parent, name, err := hostfs.Parent(env.Root, d.Name, false)
	if err != nil {
		return seen{}, nil, err
	}
	defer parent.Close()
	i, err := parent.Look(ctx, name, d.Force)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return seen{}, nil, nil
	case err != nil:
		return seen{}, nil, err
	case i.Mode.Type() == fs.ModeSymlink && d.AllowSymlink:
		if dir, real, err := hostfs.OpenFolder(env.Root, d.Name); err == nil {
			return seen{real, true}, dir, nil
		}
		return seen{i, true}, nil, nil
	case !i.Mode.IsDir():
		return seen{i, true}, nil, nil
	}
	dir, i, err := parent.Folder(name, true)
	if err != nil {
		return seen{}, nil, err
	}
	if l := d.labelled(); l.said() {
		if d.todo, err = l.differ(dir, "."); err != nil {
			dir.Close()
			return seen{}, nil, err
		}
	}
	return seen{i, true}, dir, nil
}

func (d *Directory) labelled() labelled { return labelled{d.Xattrs, d.SELinux} }

func (d *Directory) replaceable(now seen) error {
	switch t := now.Mode.Type(); {
	case !now.exists || t == fs.ModeDir:
		return nil
	case t&fs.ModeDevice != 0:
		return fmt.Errorf("%q is a %s: file.directory never replaces one", d.Name, now.Kind())
	case d.Force:
		return nil
	case t == fs.ModeSymlink && d.AllowSymlink:
		return fmt.Errorf("%q is a symlink to %q, which is no folder; force: true replaces the link", d.Name, now.Target)
	case t == fs.ModeSymlink:
		return fmt.Errorf("%q is a symlink to %q, which is not followed; allow_symlink: true accepts a folder behind it, force: true replaces it",
			d.Name, now.Target)
	}
	return fmt.Errorf("%q is a %s where the folder should be; force: true replaces it", d.Name, now.Kind())
}

// Comment says in a sentence what came of it, as Salt does.
func (d *Directory) Comment(changes states.Changes, test bool) string {
	switch {
	case len(changes) == 0:
		return fmt.Sprintf("The directory %s is in the correct state", d.Name)
	case test:
		return fmt.Sprintf("The directory %s is set to be changed", d.Name)
	}
	return fmt.Sprintf("Directory %s updated", d.Name)
}

// Watch is states.Watched.
func (d *Directory) Watch() []states.Watch {
	return watchPath(d.Name, d.Clean || len(d.Recurse) > 0)
}
