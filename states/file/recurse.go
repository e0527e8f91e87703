package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"brine/internal/config"
	"brine/internal/hostfs"
	"brine/states"
)

// Recurse is file.recurse: a folder holds what a folder of the file roots holds, and with clean nothing else but what other
// states are about. Folders on the way are made.
type Recurse struct {
	Name         string         `yaml:"name" json:"name"`
	Source       *states.Tree   `yaml:"source" json:"source,omitempty"`
	User         string         `yaml:"user" json:"user,omitempty"`
	Group        string         `yaml:"group" json:"group,omitempty"`
	DirMode      string         `yaml:"dir_mode" json:"dir_mode,omitempty"`           // octal
	FileMode     string         `yaml:"file_mode" json:"file_mode,omitempty"`         // octal; 'keep' is that of each source
	IncludeEmpty bool           `yaml:"include_empty" json:"include_empty,omitempty"` // folders without files, too
	IncludePat   config.Strings `yaml:"include_pat" json:"include_pat,omitempty"`     // of files, below the folder; without any, all
	ExcludePat   config.Strings `yaml:"exclude_pat" json:"exclude_pat,omitempty"`     // neither brought nor cleaned away
	MaxDepth     *int           `yaml:"maxdepth" json:"maxdepth,omitempty"`           // folders below each other; 0 is only the files in this one
	Clean        bool           `yaml:"clean" json:"clean,omitempty"`
	Keep         config.Strings `yaml:"keep" json:"keep,omitempty"`       // paths that clean leaves; the master adds those that other states are about
	Replace      *bool          `yaml:"replace" json:"replace,omitempty"` // false: content that is there is never touched
	Force        bool           `yaml:"force" json:"force,omitempty"`     // replaces files and links where folders should be
	Backup       string         `yaml:"backup" json:"backup,omitempty"`   // minion: what is replaced or removed must be kept
	ShowChanges  *bool          `yaml:"show_changes" json:"show_changes,omitempty"`

	parts  []part // what the last Check found
	doomed doomed
	batch  *batch
}

// part is one path of a tree, with what differs.
type part struct {
	state   states.State
	changes states.Changes
}

const recurseFun = "file.recurse"

// maxTreePath bounds the path of a file below the tree, in bytes.
const maxTreePath = 2048

// Validate checks the arguments, and on the minion the tree that the master sent.
func (r *Recurse) Validate() error {
	if err := hostfs.CheckPath(r.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if r.Source == nil || r.Source.URL == "" {
		return errors.New("source is empty: want the address of a folder, such as brine://site")
	}
	mode := r.FileMode
	if mode == keepMode {
		mode = ""
	}
	if err := checkModes("dir_mode", r.DirMode, "file_mode", mode); err != nil {
		return err
	}
	if r.MaxDepth != nil && (*r.MaxDepth < 0 || *r.MaxDepth > maxDepth) {
		return fmt.Errorf("maxdepth is %d; want 0 to %d", *r.MaxDepth, maxDepth)
	}
	if r.Clean {
		if err := hostfs.CheckRemovable(r.Name); err != nil {
			return fmt.Errorf("clean: %w", err)
		}
	}
	for _, p := range r.paths() {
		if !filepath.IsLocal(p) || path.Clean(p) != p || p == "." || len(p) > maxTreePath || hostfs.CheckPath(path.Join(r.Name, p)) != nil {
			return fmt.Errorf("source: the path %.80q leads out of the folder, or is not in its shortest form", p)
		}
	}
	_, err := r.patterns()
	return errors.Join(err, checkBackup(r.Backup))
}

func (r *Recurse) paths() []string {
	paths := append([]string(nil), r.Source.Dirs...)
	for _, f := range r.Source.Files {
		paths = append(paths, f.Path)
	}
	return paths
}

// choice is what of a tree is meant.
type choice struct{ include, exclude patterns }

func (r *Recurse) patterns() (c choice, err error) {
	if c.include, err = parsePatterns("include_pat", r.IncludePat); err != nil {
		return c, err
	}
	c.exclude, err = parsePatterns("exclude_pat", r.ExcludePat)
	return c, err
}

// Trees is states.SourcedTree.
func (r *Recurse) Trees() []*states.Tree {
	if r.Source == nil {
		return nil
	}
	c, _ := r.patterns() // Validate has told what is wrong
	r.Source.Keep = func(rel string, dir bool) bool {
		depth := strings.Count(rel, "/")
		if dir {
			depth++
		}
		switch {
		case r.MaxDepth != nil && depth > *r.MaxDepth, c.exclude.match(rel):
			return false
		}
		return dir || len(c.include) == 0 || c.include.match(rel)
	}
	return []*states.Tree{r.Source}
}

// Gather is states.Gathering.
func (r *Recurse) Gather(names []string) {
	if r.Clean {
		r.Keep = append(r.Keep, below(r.Name, names)...)
	}
}

// dirs are the folders to be there, below the tree, each after the one that holds it.
func (r *Recurse) dirs() []string {
	needed := map[string]bool{}
	for _, f := range r.Source.Files {
		for d := path.Dir(f.Path); d != "."; d = path.Dir(d) {
			needed[d] = true
		}
	}
	var dirs []string
	for _, d := range r.Source.Dirs { // sorted, so parents come first
		if r.IncludeEmpty || needed[d] {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// all makes the states of every path, folders first.
func (r *Recurse) all() []states.State {
	var out []states.State
	folder := func(p string) {
		out = append(out, &Directory{Name: p, User: r.User, Group: r.Group, Mode: r.DirMode, Force: r.Force, MakeDirs: p == r.Name,
			Backup: r.Backup, batch: r.batch})
	}
	folder(r.Name)
	for _, d := range r.dirs() {
		folder(path.Join(r.Name, d))
	}
	for _, f := range r.Source.Files {
		mode := r.FileMode
		if mode == keepMode {
			mode = hostfs.Octal(f.Mode)
		}
		out = append(out, &Managed{Name: path.Join(r.Name, f.Path), Source: &states.Source{Hash: f.Hash, Size: f.Size}, User: r.User, Group: r.Group,
			Mode: mode, Replace: r.Replace, Backup: r.Backup, ShowChanges: r.ShowChanges, batch: r.batch})
	}
	return out
}

// Check compares every folder and file of the tree, then looks for what should not be there.
func (r *Recurse) Check(ctx context.Context, env states.Env) (states.Changes, error) {
	if r.Source.Manifest != "" && !r.Source.Listed {
		return nil, errors.New("source: the list of its files has not been fetched")
	}
	r.parts, r.doomed, r.batch = nil, doomed{}, newBatch()
	var rep report
	for _, s := range r.all() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		changes, err := s.Check(ctx, env)
		if err != nil {
			return nil, err
		}
		if len(changes) == 0 {
			continue
		}
		p := nameOf(s)
		if p != r.Name {
			if err := allowed(env, recurseFun, p); err != nil {
				return nil, err
			}
		}
		r.parts = append(r.parts, part{s, changes})
		rep.add(strings.TrimPrefix(strings.TrimPrefix(p, r.Name), "/"), changes...)
	}
	if err := r.checkClean(ctx, env, &rep); err != nil {
		return nil, err
	}
	return rep.done(), nil
}

func nameOf(s states.State) string {
	switch s := s.(type) {
	case *Directory:
		return s.Name
	case *Managed:
		return s.Name
	}
	return ""
}

func (r *Recurse) sweeper(env states.Env) (*sweeper, error) {
	c, err := r.patterns()
	if err != nil {
		return nil, err
	}
	k := newKept(r.Name, r.Keep, c.exclude)
	for _, p := range r.dirs() {
		k.add(p, false)
	}
	for _, f := range r.Source.Files {
		k.add(f.Path, false)
	}
	return &sweeper{env: env, fun: recurseFun, base: r.Name, judge: k.judge, must: r.Backup == keptOnMinion, doomed: r.doomed}, nil
}

func (r *Recurse) checkClean(ctx context.Context, env states.Env, rep *report) error {
	if !r.Clean {
		return nil
	}
	dir, i, err := r.open(env)
	if dir == nil || err != nil {
		return err
	}
	defer dir.Close()
	if err := hostfs.CheckRemovableFolder(ctx, env.Root, i); err != nil {
		return err
	}
	s, err := r.sweeper(env)
	if err != nil {
		return err
	}
	s.found = func(rel string, i hostfs.Info) error {
		if env.Test {
			env.Expect(path.Join(r.Name, rel), goneForGood)
		}
		rep.add(rel, states.Change{What: "exists", From: i.Kind(), To: "absent"})
		return nil
	}
	_, err = s.survey(ctx, dir, "", 0)
	return err
}

// open opens the folder to clean; nil where there is none.
func (r *Recurse) open(env states.Env) (*hostfs.Dir, hostfs.Info, error) {
	parent, name, err := hostfs.Parent(env.Root, r.Name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hostfs.Info{}, nil
	}
	if err != nil {
		return nil, hostfs.Info{}, err
	}
	defer parent.Close()
	dir, i, err := parent.Folder(name, true)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, hostfs.ErrNotFolder) {
		return nil, i, nil // it will be made, and be empty
	}
	return dir, i, err
}

// Apply brings about the parts that differ, cleans, and syncs each folder once.
func (r *Recurse) Apply(ctx context.Context, env states.Env, changes states.Changes) error {
	if len(changes) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.batch == nil {
		if _, err := r.Check(ctx, quiet(env)); err != nil {
			return err
		}
	}
	err := r.applyParts(ctx, env)
	return errors.Join(err, r.batch.finish(env))
}

func (r *Recurse) applyParts(ctx context.Context, env states.Env) error {
	for _, p := range r.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.state.Apply(ctx, env, p.changes); err != nil {
			return err
		}
	}
	if !r.Clean {
		return nil
	}
	dir, _, err := r.open(env)
	if dir == nil || err != nil {
		return err
	}
	defer dir.Close()
	s, err := r.sweeper(env)
	if err != nil {
		return err
	}
	_, err = s.empty(ctx, dir, "", 0)
	return errors.Join(err, r.batch.sync(env, dir))
}

// Comment says in a sentence what came of it, as Salt does.
func (r *Recurse) Comment(changes states.Changes, test bool) string {
	switch {
	case len(changes) == 0:
		return fmt.Sprintf("The directory %s is in the correct state", r.Name)
	case test:
		return fmt.Sprintf("The directory %s is set to be changed", r.Name)
	}
	return fmt.Sprintf("Recursively updated %s", r.Name)
}

// Watch is states.Watched.
func (r *Recurse) Watch() []states.Watch { return watchPath(r.Name, true) }
