package master

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/eventlog"
)

// Enforce is what keeps enforcement itself from doing harm.
type Enforce struct {
	BlastRadius  BlastRadius `yaml:"blast_radius"`
	BlastMinions int         `yaml:"blast_minions"`
}

// BlastRadius is a share of minions and a window: 10%/10m. A share of 0 is none.
type BlastRadius struct {
	Percent float64
	Window  time.Duration
}

// The window of a blast radius, so that what is remembered of it is bounded.
const (
	minBlastWindow = time.Second
	maxBlastWindow = 24 * time.Hour
)

// UnmarshalText reads 10%/10m, or none.
func (b *BlastRadius) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "none" {
		*b = BlastRadius{}
		return nil
	}
	share, window, ok := strings.Cut(s, "/")
	percent, isPercent := strings.CutSuffix(strings.TrimSpace(share), "%")
	p, err := strconv.ParseFloat(percent, 64)
	if !ok || !isPercent || err != nil || !(p > 0 && p <= 100) {
		return fmt.Errorf("%q: want a share and a time, such as 10%%/10m, or none", s)
	}
	d, err := config.ParseDuration(strings.TrimSpace(window))
	if err != nil || d < minBlastWindow || d > maxBlastWindow {
		return fmt.Errorf("%q: %q is no time from 1s to 24h", s, window)
	}
	*b = BlastRadius{p, d}
	return nil
}

func (b BlastRadius) String() string {
	if b.Percent == 0 {
		return "none"
	}
	return fmt.Sprintf("%g%%/%s", b.Percent, config.ShortDuration(b.Window))
}

// Validate says what is wrong, naming the value.
func (e *Enforce) Validate() error {
	if e.BlastMinions < 1 {
		return fmt.Errorf("blast_minions: %d; at least 1", e.BlastMinions)
	}
	return nil
}

func (e *Enforce) blast() Blast {
	return Blast{Share: e.BlastRadius.Percent / 100, Window: e.BlastRadius.Window, Min: e.BlastMinions}
}

// recoverGuards reads what is kept of holds, of enforced states and of drift within the blast radius' window. What is damaged is passed
// over: a hold that is lost is enforcement that goes on.
func (m *Master) recoverGuards(r *Recovered) error {
	err := m.store.Records(bucketHolds, func(key string, blob []byte) error {
		var h Hold
		if err := event.Data(blob).Decode(&h); err != nil {
			m.log.Error("a hold cannot be read, and is over", "hold", key, "error", err)
			return nil
		}
		r.Holds = append(r.Holds, h)
		return nil
	})
	if err != nil {
		return fmt.Errorf("holds: %w", err)
	}
	r.Enforcing = map[string]event.Data{}
	err = m.store.Records(bucketEnforcing, func(key string, blob []byte) error {
		r.Enforcing[key] = event.Data(blob)
		return nil
	})
	if err != nil {
		return fmt.Errorf("enforced states: %w", err)
	}
	r.Drifted = m.recentDrift()
	return nil
}

// recentDrift reads the events that may still count for the blast radius, the last maxSpreadScans.
func (m *Master) recentDrift() []event.Event {
	b := m.cfg.Enforce.blast()
	pattern, err := event.ParsePattern(strings.TrimSuffix(driftTag, "/") + strings.Repeat("/*", 3))
	if err != nil || b.Share <= 0 {
		return nil
	}
	var list []event.Event
	q := eventlog.Query{Tag: &pattern, Since: time.Now().Add(-b.Window), Limit: maxSpreadScans, Reverse: true}
	for e, err := range m.store.Scan(context.Background(), q) {
		if err != nil {
			m.log.Warn("an event about drift is not counted", "error", err)
			continue
		}
		if isDrift(&e) {
			list = append(list, e)
		}
	}
	slices.Reverse(list)
	return list
}

// Pause pauses rules, or what puts the minions of a target right. ErrUnknown: no such rule; ErrNoTarget: nobody is meant.
func (m *Master) Pause(ctx context.Context, p Pause) (Guarded, error) {
	return ask[Guarded](ctx, m, func(ref Ref) Input { p.Ref = ref; return p })
}

// Resume ends pauses, suspensions and holds. ErrNotHeld: there is nothing to end.
func (m *Master) Resume(ctx context.Context, r Resume) (Guarded, error) {
	return ask[Guarded](ctx, m, func(ref Ref) Input { r.Ref = ref; return r })
}

// Guards says what does not act at present.
func (m *Master) Guards(ctx context.Context) (Guarded, error) {
	return ask[Guarded](ctx, m, func(ref Ref) Input { return Guards{Ref: ref} })
}
