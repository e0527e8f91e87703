package master

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"

	"brine/beacons"
	"brine/internal/beaconset"
	"brine/reactors"

	"github.com/google/renameio/v2"
)

// beaconFiles reads the fleet's beacons from their folders and keeps the last good set.
type beaconFiles struct {
	dirs    []string
	kept    string // the file that holds the last good set's text
	modules []beacons.Module
	log     *slog.Logger

	mu  sync.Mutex
	set *beaconset.Fleet
}

// load reads all files. With a fault in any of them the set stays as it was, and the error says all that is wrong.
func (b *beaconFiles) load() (*beaconset.Fleet, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	files, err := readRules(b.dirs)
	set, faults := beaconset.ReadFleet(asFleet(files), b.modules)
	err = errors.Join(err, faults.Err())
	if err == nil {
		b.set = set
		if err := keepSources(b.kept, files); err != nil {
			b.log.Error("the beacons are in force, but will not be known at the next start if their files are broken then", "error", err)
		}
		return b.set, nil
	}
	if b.set == nil {
		b.set = b.lastGood()
	}
	return b.set, err
}

// from has the next load read other folders.
func (b *beaconFiles) from(dirs []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirs = dirs
}

// lastGood is the set that was in force before this start; none when there was none, or it cannot be read.
func (b *beaconFiles) lastGood() *beaconset.Fleet {
	files, err := keptSources(b.kept)
	if err == nil {
		set, faults := beaconset.ReadFleet(asFleet(files), b.modules)
		if err = faults.Err(); err == nil {
			b.log.Warn("the files of beacons are broken: the last good set stays in force", "blocks", set.Blocks())
			return set
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		b.log.Error("the last good beacons cannot be read: minions keep what they have until the files are right", "error", err)
	}
	return nil
}

func asFleet(files []reactors.Source) []beaconset.File {
	out := make([]beaconset.File, 0, len(files))
	for _, f := range files {
		out = append(out, beaconset.File(f))
	}
	return out
}

// LoadBeacons reads the fleet's files of folders and of single paths. All faults of all files are told at once.
func LoadBeacons(paths []string, modules []beacons.Module) (*beaconset.Fleet, error) {
	files, err := readRules(paths)
	set, faults := beaconset.ReadFleet(asFleet(files), modules)
	return set, errors.Join(err, faults.Err())
}

// carried is what events carry, by the name of the beacon: of each kind, and of the fleet's instances.
func (b *beaconFiles) carried(set *beaconset.Fleet) map[string]any {
	data := make(map[string]any, len(b.modules))
	for _, m := range b.modules {
		data[m.Name] = m.Data
	}
	for name, kind := range set.Kinds() {
		data[name] = data[kind]
	}
	return data
}

// reloadBeacons reads the fleet's beacons again and puts them in force. Rules are read again when they may speak of other names.
func (m *Master) reloadBeacons(ctx context.Context, reason string) error {
	set, err := m.beacons.load()
	if err != nil {
		_ = m.input(ctx, Note{Tag: "brine/master/beacons/refused", Data: map[string]string{"error": clip(err.Error())}})
		return err
	}
	m.log.Info("beacons in force", "blocks", set.Blocks(), "reason", reason)
	if err := m.input(ctx, Fleet{Set: set, Reason: reason}); err != nil {
		return err
	}
	if m.rules.see(m.beacons.carried(set)) {
		return m.reloadRules(ctx, reason)
	}
	return nil
}

// keepSources remembers good files for the next start.
func keepSources(path string, files []reactors.Source) error {
	blob, err := json.Marshal(files)
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, blob, 0o600)
}

func keptSources(path string) (files []reactors.Source, err error) {
	blob, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return files, json.Unmarshal(blob, &files)
}
