package exec

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/command"
	"brine/internal/job"
)

// Bounds of what is told.
const (
	maxStdout = 16 << 10
	maxStderr = 4 << 10
)

type beacon struct {
	config *Config
	env    beacons.Env
}

// last is what a command gave, kept over a restart.
type last struct {
	Exit   int64  `json:"exit"`
	Sum    string `json:"sum"` // hash of what is compared
	Failed bool   `json:"failed"`
}

// Run implements beacons.Beacon: run each command, compare, tell.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	known := map[string]*last{}
	for name := range b.config.Commands {
		value, err := b.env.Baseline.Get(name)
		if err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
		var l last
		if value != nil && json.Unmarshal(value, &l) == nil && !b.env.AtStart {
			known[name] = &l
		}
	}
	return b.env.Every(ctx, func(time.Time) error {
		for _, name := range slices.Sorted(maps.Keys(b.config.Commands)) {
			e := b.config.Commands[name]
			r := command.Run(ctx, e.args().Command("", 1))
			if ctx.Err() != nil {
				return nil
			}
			d, now := e.look(name, r, known[name])
			if known[name] != nil && *known[name] == now && d == nil {
				continue
			}
			if fire(ctx, signal(name, d, now)) == nil {
				known[name] = &now
			}
		}
		return nil
	})
}

func signal(name string, d *Data, now last) beacons.Signal {
	value, _ := json.Marshal(now) // numbers and text
	s := beacons.Signal{Set: []beacons.KV{{Key: name, Value: value}}}
	if d != nil {
		s.Tag, s.Data = name, *d
		if d.Change == Failed {
			s.Tag += "/failed"
		}
	}
	return s
}

// look is what a run came to: what is told of it, or nil, and what is remembered.
func (e Command) look(name string, r job.Result, was *last) (*Data, last) {
	d := &Data{Name: name, Argv: e.Argv, Exit: int64(r.Exit), Stdout: clip(r.Stdout, maxStdout), Stderr: clip(r.Stderr, maxStderr), Duration: math.Round(r.Took.Seconds()*1000) / 1000}
	if !r.OK && (r.Exit == 0 || strings.HasPrefix(r.Error, "stopped after")) { // it did not start, or did not end
		d.Change, d.Error, d.Exit = Failed, r.Error, -1
		if was != nil && was.Failed {
			return nil, *was
		}
		now := last{Failed: true}
		if was != nil {
			now.Exit, now.Sum = was.Exit, was.Sum
		}
		return d, now
	}
	now := last{Exit: d.Exit}
	matches := true
	compared := r.Stdout
	if e.Match != nil {
		m := e.Match.FindStringSubmatch(r.Stdout)
		if matches = m != nil; matches {
			compared, d.Groups = m[0], map[string]string{}
			for i, group := range e.Match.SubexpNames() {
				if group != "" {
					d.Groups[group] = clip(m[i], maxStderr)
				}
			}
		} else {
			compared = ""
		}
	}
	if e.JSON {
		if v, plain := decode(r.Stdout); v != nil {
			d.JSON = v
			if e.Match == nil {
				compared = plain
			}
		}
	}
	if e.Tell != tellExit {
		sum := sha256.Sum256([]byte(compared))
		now.Sum = hex.EncodeToString(sum[:12])
	}
	switch {
	case was == nil:
		d.Change = First
	case was.Exit != now.Exit:
		d.Change, d.Before = Exit, &was.Exit
	case was.Sum != now.Sum:
		d.Change = Output
	case was.Failed:
		d.Change = Running
	case e.Tell == tellAlways:
		d.Change = Same
	default:
		return nil, now
	}
	if !matches || d.Change == First && e.Tell != tellAlways && e.Match == nil && d.Exit == 0 {
		return nil, now // how it is in good order is no news
	}
	return d, now
}

// decode reads one JSON value, whole numbers as such, and gives its plainest text; nil: it is none.
func decode(text string) (any, string) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil, ""
	}
	plain, err := json.Marshal(v)
	if err != nil || bytes.Equal(plain, []byte("null")) {
		return nil, ""
	}
	return numbers(v), string(plain)
}

func numbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i
		}
		f, _ := x.Float64()
		return f
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = numbers(x[k])
		}
	}
	return v
}

func clip(s string, most int) string { return strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD") }
