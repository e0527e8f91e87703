package master

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"brine/reactors"
)

// ruleFiles reads the rules from their folders and keeps the last good set.
type ruleFiles struct {
	dirs []string
	kept string // the file that holds the last good set's text, for a start with broken rule files
	env  reactors.Env
	log  *slog.Logger

	mu     sync.Mutex
	set    *reactors.Set
	files  []reactors.Source // of set
	faults error             // of the last load; nil when the set in force is what the folders say
}

// load reads all rule files. With a fault in any of them the set stays as it was, and the error says all that is wrong.
func (r *ruleFiles) load() (*reactors.Set, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	files, err := readRules(r.dirs)
	set, faults := reactors.Load(files, r.env)
	err = errors.Join(err, faults.Err())
	r.faults = err
	if err == nil {
		r.set, r.files = set, files
		if err := keepSources(r.kept, files); err != nil {
			r.log.Error("the rules are in force, but will not be known at the next start if their files are broken then", "error", err)
		}
	}
	if r.set == nil {
		r.set, r.files = r.lastGood()
	}
	return r.set, err
}

// from has the next load read other folders.
func (r *ruleFiles) from(dirs []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirs = dirs
}

// see takes what the events of beacons carry, by name, for the next load. It reports whether that is news.
func (r *ruleFiles) see(data map[string]any) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := !maps.EqualFunc(r.env.Data, data, func(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) })
	r.env.Data = data
	return news
}

// lastGood is the set that was in force before this start; no rules when there was none, or it cannot be read.
func (r *ruleFiles) lastGood() (*reactors.Set, []reactors.Source) {
	files, err := keptSources(r.kept)
	if err == nil {
		set, faults := reactors.Load(files, r.env)
		if err = faults.Err(); err == nil {
			r.log.Warn("the rule files are broken: the last good set stays in force", "rules", len(set.Rules()))
			return set, files
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		r.log.Error("the last good rules cannot be read: none is in force", "error", err)
	}
	none, _ := reactors.Load(nil, r.env)
	return none, nil
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

func (m *Master) reloadRules(ctx context.Context, reason string) error {
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

// RuleFiles are the texts of the rules in force.
func (m *Master) RuleFiles() []reactors.Source {
	m.rules.mu.Lock()
	defer m.rules.mu.Unlock()
	return m.rules.files
}
