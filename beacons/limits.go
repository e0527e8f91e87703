package beacons

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// MaxLimits bounds the limits that one beacon keeps.
const MaxLimits = 64

// Limits are several thresholds under names of the operator's own, each over any number of values: what a beacon needs that samples
// and compares. A limit's signal has its name as tag when it is entered, and the name and "cleared" when it is left.
type Limits struct {
	fire    Fire
	levels  map[string]*Levels
	pending map[limitKey]crossed
	stale   map[limitKey]Level // beyond limits that the configuration no longer has: told as left with the first look
}

type limitKey struct{ limit, key string }

// crossed is a crossing that could not be kept, and is tried again with the next look at its value, whatever that is.
type crossed struct {
	cross  Cross
	signal Signal
}

// NewLimits reads where the values stood at the last stop.
func NewLimits(env Env, fire Fire, thresholds map[string]*Threshold) (*Limits, error) {
	l := &Limits{fire: fire, levels: make(map[string]*Levels, len(thresholds)), pending: map[limitKey]crossed{}, stale: map[limitKey]Level{}}
	for name, t := range thresholds {
		levels, err := t.Levels(env.Baseline, "limit/"+name+"/", env.AtStart)
		if err != nil {
			return nil, fmt.Errorf("baseline: %w", err)
		}
		l.levels[name] = levels
	}
	err := env.Baseline.Each("limit/", func(key string, value []byte) error {
		name, of, ok := cutLimit(key[len("limit/"):], thresholds)
		var level Level
		if ok || json.Unmarshal(value, &level) != nil {
			return nil
		}
		l.stale[limitKey{name, of}] = level
		return nil
	})
	return l, err
}

// cutLimit splits a baseline's key into the limit's name and the value's key, and says whether there is such a limit. Of names that no
// longer exist the first segment is taken.
func cutLimit(key string, thresholds map[string]*Threshold) (name, of string, known bool) {
	for name := range thresholds {
		if of, ok := strings.CutPrefix(key, name+"/"); ok {
			return name, of, true
		}
	}
	name, of, _ = strings.Cut(key, "/")
	return name, of, false
}

// retire tells that what was beyond a limit which was renamed, or taken out, no longer is: whoever waits for that waits no longer.
func (l *Limits) retire(ctx context.Context, now time.Time, data func(Reading) any) {
	for k, level := range l.stale {
		r := Reading{Limit: k.limit, Key: k.key, Now: now, Since: level.Since, Worst: level.Worst}
		s := Signal{Tag: r.Tag(), Time: now, Data: data(r), Set: []KV{{Key: "limit/" + k.limit + "/" + k.key}}}
		if l.fire(ctx, s) != nil {
			return // with the next look
		}
		delete(l.stale, k)
	}
}

// Reading is a value that crossed a limit.
type Reading struct {
	Limit   string
	Key     string // of the value, where a limit has several: a mount, a core
	Now     time.Time
	Value   float64
	Entered bool
	Since   time.Time // since when the value has been, or had been, beyond the limit
	Worst   float64   // the value furthest beyond it
}

// State is what an event says of the crossing.
func (r Reading) State() string {
	if r.Entered {
		return "entered"
	}
	return "left"
}

// Lasted is for how long the value has been beyond the limit, in seconds.
func (r Reading) Lasted() float64 { return math.Round(r.Now.Sub(r.Since).Seconds()*10) / 10 }

// Tag is what the signal is fired under.
func (r Reading) Tag() string {
	if r.Entered {
		return r.Limit
	}
	return r.Limit + "/cleared"
}

// Step looks at one value under one limit. When that is to be told, data makes what is told of it. What cannot be kept is told with
// the next look at the same value.
func (l *Limits) Step(ctx context.Context, limit, key string, now time.Time, value float64, data func(Reading) any) {
	levels := l.levels[limit]
	if levels == nil {
		return
	}
	l.retire(ctx, now, data)
	if !l.again(ctx, levels, limitKey{limit, key}) {
		return
	}
	l.tell(ctx, levels, levels.Step(key, now, value), Reading{Limit: limit, Key: key, Now: now, Value: value}, data)
}

// Beyond reports whether a value is on the wrong side of a limit, entered or not: somebody may want to look closer meanwhile.
func (l *Limits) Beyond(limit string, value float64) bool {
	levels := l.levels[limit]
	return levels != nil && levels.t.On() && levels.t.beyond(value)
}

// Gone forgets the values of a limit that there are no more; those that were beyond it are told as left.
func (l *Limits) Gone(ctx context.Context, limit string, now time.Time, there func(key string) bool, data func(Reading) any) {
	levels := l.levels[limit]
	if levels == nil {
		return
	}
	for _, key := range slices.Sorted(slices.Values(levels.Keys())) {
		if !there(key) && l.again(ctx, levels, limitKey{limit, key}) {
			l.tell(ctx, levels, levels.Gone(key), Reading{Limit: limit, Key: key, Now: now}, data)
		}
	}
}

func (l *Limits) tell(ctx context.Context, levels *Levels, c Cross, r Reading, data func(Reading) any) {
	if c.Crossing == Stays {
		return
	}
	r.Entered, r.Since, r.Worst = c.Crossing == Entered, c.Since, c.Worst
	s := Signal{Tag: r.Tag(), Time: r.Now, Data: data(r), Set: []KV{c.Set}}
	if l.fire(ctx, s) != nil {
		l.pending[limitKey{r.Limit, r.Key}] = crossed{c, s}
		return
	}
	levels.Keep(c)
}

// again tells what could not be kept before. It reports false while that still fails.
func (l *Limits) again(ctx context.Context, levels *Levels, k limitKey) bool {
	p, ok := l.pending[k]
	if !ok {
		return true
	}
	if l.fire(ctx, p.signal) != nil {
		return false
	}
	delete(l.pending, k)
	levels.Keep(p.cross)
	return true
}

// CheckLimits checks the names of limits, and each by its own check, in order.
func CheckLimits[T any](limits map[string]T, check func(name string, limit T) error) error {
	if len(limits) > MaxLimits {
		return fmt.Errorf("%d limits; at most %d", len(limits), MaxLimits)
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if !plainName(name) {
			faults = append(faults, fmt.Errorf("%s: a limit's name has letters, digits, '-' and '_', at most %d: it stands in the tag", clip(name), maxLimitName))
			continue
		}
		if err := check(name, limits[name]); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

const maxLimitName = 64

func plainName(s string) bool {
	for _, c := range []byte(s) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= maxLimitName
}

// Thresholds takes the thresholds out of a module's limits.
func Thresholds[L any](limits map[string]L, of func(*L) *Threshold) map[string]*Threshold {
	out := make(map[string]*Threshold, len(limits))
	for name, l := range limits {
		out[name] = of(&l)
	}
	return out
}

// In reports whether some value is beyond a limit and was told so.
func (l *Limits) In(limit string) bool {
	levels := l.levels[limit]
	if levels == nil {
		return false
	}
	for _, level := range levels.level {
		if level.In {
			return true
		}
	}
	return false
}

// Keys are the values of a limit that are remembered: those beyond it, or on their way.
func (l *Limits) Keys(limit string) []string {
	if levels := l.levels[limit]; levels != nil {
		return slices.Sorted(slices.Values(levels.Keys()))
	}
	return nil
}
