package minion

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"brine/beacons"
	"brine/internal/beaconset"
	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/watch"
)

// Try is a beacon to be tried on this host.
type Try struct {
	Name    string
	Config  string // path of the minion's configuration; empty: the sample of the kind Name
	For     time.Duration
	JSON    bool
	Out     io.Writer
	Log     *slog.Logger
	Modules []beacons.Module
}

// tried is one event as `beacon test` prints it.
type tried struct {
	Time time.Time  `json:"time"`
	Tag  string     `json:"tag"`
	Own  bool       `json:"own,omitempty"`
	Data event.Data `json:"data"`
}

// TryBeacon runs one beacon and prints what it fires. It keeps nothing on disk. fired counts the events.
func TryBeacon(ctx context.Context, t Try) (fired int, err error) {
	id, root, in, err := t.load()
	if err != nil {
		return 0, err
	}
	files, err := watch.New(t.Log)
	if err != nil {
		return 0, err
	}
	defer files.Close()
	ctx, cancel := context.WithTimeout(ctx, t.For)
	defer cancel()
	mem := &memory{kept: map[string][]byte{}}
	env := beacons.Env{
		Root: root, Log: t.Log, Files: files, Baseline: mem, Now: time.Now, Actor: files.Actors(), Interval: in.Common.Interval, AtStart: in.Common.EmitAtStartup,
		Own: func(string) (beacons.Expected, bool) { return beacons.Expected{}, false },
	}
	done := make(chan error, 1)
	go func() {
		done <- in.Config.Beacon(env).Run(ctx, func(_ context.Context, signals ...beacons.Signal) error {
			mem.set(signals)
			for _, s := range signals {
				if s.Tag == "" {
					continue
				}
				mem.count()
				if err := t.print("brine/beacon/"+id+"/"+in.Name+"/"+s.Tag, s); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	err = <-done
	switch {
	case err == nil && ctx.Err() == nil:
		err = errors.New("the beacon ended by itself")
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		err = nil
	}
	return mem.fired, err
}

// ErrTry wraps what is wrong with what was asked for.
var ErrTry = errors.New("beacon test")

// load finds the beacon and its options.
func (t Try) load() (id, root string, in beaconset.Instance, err error) {
	if t.Config == "" {
		host, _ := os.Hostname()
		in, err = t.sample()
		return cmp.Or(host, "here"), "/", in, err
	}
	n, err := config.LoadWithDropIns(t.Config)
	if err != nil {
		return "", "", in, fmt.Errorf("%w: %w", ErrTry, err)
	}
	c := DefaultConfig()
	_ = n.Decode(&c) // the rest of it need not be right to try a beacon
	list, faults := beaconset.Read(n.Get("beacons"), t.Modules)
	i := slices.IndexFunc(list, func(in beaconset.Instance) bool { return in.Name == t.Name })
	if i >= 0 {
		return c.ID, cmp.Or(c.Root, "/"), list[i], nil
	}
	if err := faults.Err(); err != nil {
		return "", "", in, fmt.Errorf("%w: %w", ErrTry, err)
	}
	var names []string
	for _, in := range list {
		names = append(names, in.Name)
	}
	return "", "", in, fmt.Errorf("%w: %s has no beacon %q (%s; --sample takes the options of a kind's sample)", ErrTry, t.Config, t.Name, config.Suggest(t.Name, names))
}

func (t Try) sample() (in beaconset.Instance, err error) {
	var names []string
	for _, m := range t.Modules {
		if names = append(names, m.Name); m.Name != t.Name {
			continue
		}
		n, faults := config.Parse("the sample of "+m.Name, []byte(m.Sample))
		if err := faults.Err(); err != nil {
			return in, err
		}
		list, faults := beaconset.Read(n, t.Modules)
		if err := faults.Err(); err != nil {
			return in, err
		}
		return list[0], nil
	}
	return in, fmt.Errorf("%w: there is no beacon %q (%s)", ErrTry, t.Name, config.Suggest(t.Name, names))
}

// print writes one event: a line of JSON, or time, tag and data.
func (t Try) print(tag string, s beacons.Signal) error {
	data, err := event.Encode(s.Data)
	if err != nil {
		return err
	}
	if err := event.CheckTag(tag); err != nil {
		return err
	}
	e := tried{Time: s.Time, Tag: tag, Own: s.Own, Data: data}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	if t.JSON {
		line, err := json.Marshal(e)
		if err == nil {
			_, err = fmt.Fprintf(t.Out, "%s\n", line)
		}
		return err
	}
	text, err := json.Marshal(data)
	if err == nil {
		_, err = fmt.Fprintf(t.Out, "%s  %s  %s\n", e.Time.Local().Format("15:04:05.000"), tag, text)
	}
	return err
}

// memory holds baselines for as long as a trial lasts.
type memory struct {
	mu    sync.Mutex
	kept  map[string][]byte
	fired int
}

func (m *memory) count() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fired++
}

func (m *memory) set(signals []beacons.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range signals {
		for _, kv := range s.Set {
			if m.kept[kv.Key] = slices.Clone(kv.Value); kv.Value == nil {
				delete(m.kept, kv.Key)
			}
		}
	}
}

// Get implements beacons.Baseline.
func (m *memory) Get(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.kept[key]), nil
}

// Each implements beacons.Baseline.
func (m *memory) Each(prefix string, f func(string, []byte) error) error {
	m.mu.Lock()
	var keys []string
	for k := range m.kept {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	m.mu.Unlock()
	slices.Sort(keys)
	for _, k := range keys {
		v, _ := m.Get(k)
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}
