package master

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"brine/internal/watch"
	"brine/reactors"

	"github.com/google/renameio/v2"
)

// ruleFiles reads the rules from their folders and keeps the last good set.
type ruleFiles struct {
	dirs []string
	kept string // the file that holds the last good set's text, for a start with broken rule files
	env  reactors.Env
	log  *slog.Logger

	mu     sync.Mutex
	set    *reactors.Set
	faults error // of the last load; nil when the set in force is what the folders say
}

// load reads all rule files. With a fault in any of them the set stays as it was, and the error says all that is wrong.
func (r *ruleFiles) load() (*reactors.Set, error) {
	files, err := readRules(r.dirs)
	set, faults := reactors.Load(files, r.env)
	err = errors.Join(err, faults.Err())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = err
	if err == nil {
		r.set = set
		r.keep(files)
	}
	if r.set == nil {
		r.set = r.lastGood()
	}
	return r.set, err
}

// keep remembers a good set for the next start.
func (r *ruleFiles) keep(files []reactors.Source) {
	blob, err := json.Marshal(files)
	if err == nil {
		err = renameio.WriteFile(r.kept, blob, 0o600)
	}
	if err != nil {
		r.log.Error("the rules are in force, but will not be known at the next start if their files are broken then", "error", err)
	}
}

// lastGood is the set that was in force before this start; no rules when there was none, or it cannot be read.
func (r *ruleFiles) lastGood() *reactors.Set {
	var files []reactors.Source
	blob, err := os.ReadFile(r.kept)
	if err == nil {
		err = json.Unmarshal(blob, &files)
	}
	if err == nil {
		set, faults := reactors.Load(files, r.env)
		if err = faults.Err(); err == nil {
			r.log.Warn("the rule files are broken: the last good set stays in force", "rules", len(set.Rules()))
			return set
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		r.log.Error("the last good rules cannot be read: none is in force", "error", err)
	}
	none, _ := reactors.Load(nil, r.env)
	return none
}

// LoadRules reads the rule files (*.yaml, *.yml) of folders and of single paths, in order. All faults of all files are told
// at once.
func LoadRules(paths []string, env reactors.Env) (*reactors.Set, error) {
	files, err := readRules(paths)
	set, faults := reactors.Load(files, env)
	return set, errors.Join(err, faults.Err())
}

// readRules reads the rule files; the error says which could not be read.
func readRules(paths []string) ([]reactors.Source, error) {
	var files []reactors.Source
	var faults []error
	for _, p := range paths {
		names, err := ruleNames(p)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			files = append(files, reactors.Source{Name: name, Text: text})
		}
	}
	return files, errors.Join(faults...)
}

// ruleNames lists the rule files at a path. A folder that does not exist holds none.
func ruleNames(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Ext(path) == "":
		return nil, nil
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []string{path}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		ext := filepath.Ext(name)
		if !d.IsDir() && (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(d.Name(), ".") && !strings.HasSuffix(name, "_test"+ext) {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// watchRules puts the rules in force again whenever a file of theirs has changed.
func (m *Master) watchRules(ctx context.Context) error {
	w, err := watch.New(m.log)
	if err != nil {
		m.log.Error("rule files are not watched: send SIGHUP after a change", "error", err)
		<-ctx.Done()
		return nil
	}
	defer w.Close()
	w.Follow(ctx, m.log, m.cfg.ReactorDirs, func() {
		if err := m.Reload(ctx, "a rule file changed"); err != nil {
			m.log.Error("rules not loaded; the last good set stays in force", "error", err)
		}
	})
	return nil
}

// Reload reads the rules again and puts them in force. With a fault the last good set stays, and the fault is told as an event.
func (m *Master) Reload(ctx context.Context, reason string) error {
	set, err := m.rules.load()
	if err != nil {
		_ = m.input(ctx, Note{Tag: "brine/master/rules/refused", Data: map[string]string{"error": clip(err.Error())}})
		return err
	}
	m.log.Info("rules in force", "rules", len(set.Rules()), "reason", reason)
	return m.input(ctx, Rules{Set: set, Reason: reason})
}

// Rules describes the rules in force, and what was wrong with the files when they were last read.
func (m *Master) Rules() ([]reactors.Info, error) {
	m.rules.mu.Lock()
	defer m.rules.mu.Unlock()
	return m.rules.set.Rules(), m.rules.faults
}
