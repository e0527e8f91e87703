package beacons

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxFor bounds the durations of a threshold.
const MaxFor = 7 * 24 * time.Hour

// Threshold is a limit with a duration and hysteresis: {above: 90%, for: 30s, clear: 70%}. It is entered when the value has been
// beyond the limit for as long as For, and left when it has been at Clear, or on its good side, for as long as ClearFor.
// A nil Threshold is never entered.
type Threshold struct {
	Above    *Quantity     `yaml:"above"`     // entered above this
	Below    *Quantity     `yaml:"below"`     // entered below this; a threshold has one of the two
	For      time.Duration `yaml:"for"`       // so long without a break; 0s: at once
	Clear    *Quantity     `yaml:"clear"`     // left at this or on its good side; the default is the limit itself
	ClearFor time.Duration `yaml:"clear_for"` // so long without a break; 0s: at once
	Off      bool          `yaml:"off"`       // takes back a threshold that is there by default
}

// Validate checks all but the unit, which Check does.
func (t *Threshold) Validate() error {
	switch {
	case t.Off:
		return nil
	case (t.Above == nil) == (t.Below == nil):
		return errors.New("want one of above and below")
	case t.For < 0 || t.For > MaxFor:
		return fmt.Errorf("for is %s; want 0s to %s", t.For, MaxFor)
	case t.ClearFor < 0 || t.ClearFor > MaxFor:
		return fmt.Errorf("clear_for is %s; want 0s to %s", t.ClearFor, MaxFor)
	case t.Clear == nil:
		return nil
	case t.Clear.Unit != t.limit().Unit:
		return fmt.Errorf("clear is %s, and the limit %s: want the same unit", t.Clear, t.limit())
	case t.Above != nil && t.Clear.Value > t.Above.Value:
		return fmt.Errorf("clear is %s, above the limit of %s", t.Clear, t.Above)
	case t.Below != nil && t.Clear.Value < t.Below.Value:
		return fmt.Errorf("clear is %s, below the limit of %s", t.Clear, t.Below)
	}
	return nil
}

// Check is for a module's Validate: option names the threshold in what it says. most bounds the limit; 0 does not.
func (t *Threshold) Check(option string, unit Unit, most float64) error {
	if t == nil || t.Off {
		return nil
	}
	if err := t.Validate(); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	if l := t.limit(); l.Unit != unit {
		return fmt.Errorf("%s: %s is %s; want %s", option, l, unitName[l.Unit], unitName[unit])
	} else if most > 0 && l.Value > most {
		return fmt.Errorf("%s: %s is too much; want at most %s", option, l, Quantity{most, unit})
	}
	return nil
}

var unitName = map[Unit]string{
	Plain: "a plain number", Percent: "a share, such as 90%", Bytes: "a size, such as 500MiB", Seconds: "a duration, such as 30s",
	PerSecond: "a rate, such as 100/s", BytesPerSecond: "a rate, such as 10MiB/s",
}

// On reports whether there is a threshold to be kept.
func (t *Threshold) On() bool { return t != nil && !t.Off && (t.Above != nil || t.Below != nil) }

func (t *Threshold) limit() *Quantity {
	if t.Above != nil {
		return t.Above
	}
	return t.Below
}

// Limit is the value beyond which the threshold is entered; 0 without one.
func (t *Threshold) Limit() float64 {
	if !t.On() {
		return 0
	}
	return t.limit().Value
}

// Unit is what the limit is measured in.
func (t *Threshold) Unit() Unit {
	if !t.On() {
		return Plain
	}
	return t.limit().Unit
}

func (t *Threshold) beyond(v float64) bool {
	if t.Above != nil {
		return v > t.Above.Value
	}
	return v < t.Below.Value
}

func (t *Threshold) cleared(v float64) bool {
	at := t.limit()
	if t.Clear != nil {
		at = t.Clear
	}
	if t.Above != nil {
		return v <= at.Value
	}
	return v >= at.Value
}

// Level is where a value stands towards a threshold. The zero value is on the good side.
type Level struct {
	In    bool      `json:"in"`    // entered, and not left since
	Since time.Time `json:"since"` // with In: since when the value had been beyond the limit
	Worst float64   `json:"worst"` // the value furthest beyond the limit since then

	turning time.Time // since when it has been on the other side; not kept over a restart
}

// Crossing is what one value did.
type Crossing int

// The crossings.
const (
	Stays Crossing = iota
	Entered
	Left
)

// Step is pure: from where the value stood, and what it is now, follow where it stands and whether that is to be told. Of Left, Since
// and Worst of the level that is handed in tell of the time that is over. A value that is not a number changes nothing.
func (t *Threshold) Step(l Level, now time.Time, v float64) (Level, Crossing) {
	if !t.On() || v != v {
		return l, Stays
	}
	if l.In && (t.Above != nil) == (v > l.Worst) {
		l.Worst = v
	}
	turns, wait := t.beyond(v), t.For
	if l.In {
		turns, wait = t.cleared(v), t.ClearFor
	}
	if !turns {
		l.turning = time.Time{}
		return l, Stays
	}
	if l.turning.IsZero() || now.Before(l.turning) { // the clock may step
		l.turning = now
		if !l.In {
			l.Worst = v
		}
	}
	if !l.In && (t.Above != nil) == (v > l.Worst) {
		l.Worst = v
	}
	if now.Sub(l.turning) < wait {
		return l, Stays
	}
	if l.In {
		return Level{}, Left
	}
	return Level{In: true, Since: l.turning, Worst: l.Worst}, Entered
}

// Levels are the levels of several values under one threshold, each under a key: kept as baselines, so that a restart tells
// nothing twice.
type Levels struct {
	t      *Threshold
	prefix string
	level  map[string]Level
}

// Levels reads what was kept under a prefix, which is the threshold's own within its beacon. fresh forgets it instead, for Env.AtStart.
func (t *Threshold) Levels(b Baseline, prefix string, fresh bool) (*Levels, error) {
	ls := &Levels{t: t, prefix: prefix, level: map[string]Level{}}
	if fresh {
		return ls, nil
	}
	err := b.Each(prefix, func(key string, value []byte) error {
		var l Level
		if err := json.Unmarshal(value, &l); err == nil { // what cannot be read is as if it were new
			ls.level[key[len(prefix):]] = l
		}
		return nil
	})
	return ls, err
}

// Cross is what a step came to.
type Cross struct {
	Crossing
	Since time.Time // since when the value has been, or had been, beyond the limit
	Worst float64   // the value furthest beyond it
	Set   KV        // the baseline that goes with the signal

	key  string
	next Level
}

// Step looks at one value. Of Entered and Left the beacon fires a signal with Set, and when that is kept calls Keep; until then
// each further step comes to the same.
func (ls *Levels) Step(key string, now time.Time, v float64) Cross {
	was := ls.level[key]
	next, crossing := ls.t.Step(was, now, v)
	c := Cross{Crossing: crossing, key: key, next: next, Since: next.Since, Worst: next.Worst}
	switch crossing {
	case Stays:
		if next != (Level{}) || was != (Level{}) {
			ls.level[key] = next
		}
		return c
	case Left:
		c.Since, c.Worst = was.Since, was.Worst
	}
	c.Set = KV{Key: ls.prefix + key}
	if next.In {
		c.Set.Value, _ = json.Marshal(next) // a bool, a time and a number that is one
	}
	return c
}

// Keep takes over what a step came to, once its signal is kept.
func (ls *Levels) Keep(c Cross) {
	if c.next == (Level{}) {
		delete(ls.level, c.key)
		return
	}
	ls.level[c.key] = c.next
}

// Gone forgets what has no value any more: a disk that was unmounted. If that had been entered, left is the crossing to be told.
func (ls *Levels) Gone(key string) (left Cross) {
	was := ls.level[key]
	if !was.In {
		delete(ls.level, key)
		return Cross{}
	}
	return Cross{Crossing: Left, key: key, Since: was.Since, Worst: was.Worst, Set: KV{Key: ls.prefix + key}}
}

// Keys are all that is known under the threshold, in no order.
func (ls *Levels) Keys() []string {
	keys := make([]string, 0, len(ls.level))
	for k := range ls.level {
		keys = append(keys, k)
	}
	return keys
}
