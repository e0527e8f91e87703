package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"brine/beacons"
)

// Bounds of what is told.
const (
	maxTold  = 4096 // bytes of a message
	maxGroup = 1024 // bytes of a group
)

// watcher is a watch at work, with what was told of it lately.
type watcher struct {
	Watch
	name   string
	key    string // of the baseline of pace
	limit  string // the name of its rate
	pace   pace
	speeds *beacons.Speeds
}

// pace counts what was told one by one, and what was not, within a minute. It is kept.
type pace struct {
	Start time.Time `json:"start"`
	Told  int       `json:"told"`
	More  int64     `json:"more"`
}

func (w *watcher) recall(kept beacons.Baseline) error {
	value, err := kept.Get(w.key)
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	if json.Unmarshal(value, &w.pace) != nil {
		w.pace = pace{} // none, or one that cannot be read
	}
	return nil
}

// find gives the named groups of a record that is meant.
func (w *watcher) find(r record) (groups map[string]string, ok bool) {
	if w.Units != nil && !beacons.Means(w.Units, r.unit) || w.Identifiers != nil && !beacons.Means(w.Identifiers, r.identifier) ||
		w.Priority != nil && r.priority > int64(*w.Priority) || w.Except != nil && w.Except.MatchString(r.message) {
		return nil, false
	}
	groups = map[string]string{}
	if w.Match == nil {
		return groups, true
	}
	m := w.Match.FindStringSubmatch(r.message)
	for i := range m {
		if name := w.Match.SubexpNames()[i]; name != "" && groups[name] == "" { // of several groups of one name, the one that took part
			groups[name] = clean(m[i], maxGroup)
		}
	}
	return groups, m != nil
}

// counted is what a record's match is counted under.
func (w *watcher) counted(r record, groups map[string]string) string {
	if g, ok := groups[w.Rate.By]; ok {
		return g
	}
	switch w.Rate.By {
	case "unit":
		return clean(r.unit, maxGroup)
	case "identifier":
		return clean(r.identifier, maxGroup)
	}
	return ""
}

// told are signals that go into one transaction, with what they make of the paces.
type told struct {
	signals []beacons.Signal
	paces   map[*watcher]pace
}

func (b *told) pace(w *watcher) pace {
	if n, ok := b.paces[w]; ok {
		return n
	}
	return w.pace
}

// over ends the minute of a watch, if it is over.
func (b *told) over(w *watcher, now time.Time) {
	n := b.pace(w)
	if since := now.Sub(n.Start); n == (pace{}) || since >= 0 && since < paceWindow {
		return
	}
	if n.More > 0 {
		b.signals = append(b.signals, beacons.Signal{Tag: w.name + "/" + More, Time: now,
			Data: Data{Watch: w.name, Change: More, Count: n.More, Within: paceWindow.Seconds()}})
	}
	b.paces[w] = pace{}
}

// match tells a record that a watch means.
func (b *told) match(w *watcher, r record, groups map[string]string, now time.Time) {
	if w.most() == 0 {
		return
	}
	b.over(w, now)
	n := b.pace(w)
	if n.Start.IsZero() {
		n.Start = now
	}
	if n.Told < w.most() {
		n.Told++
		b.signals = append(b.signals, beacons.Signal{Tag: w.name, Time: r.at, Data: Data{Watch: w.name, Change: Match, Message: clean(r.message, maxTold),
			Cut: r.cut || len(r.message) > maxTold, Groups: groups, Unit: clean(r.unit, maxGroup), Identifier: clean(r.identifier, maxGroup),
			Priority: r.priority, PID: r.pid, At: r.at}})
	} else {
		n.More++
	}
	b.paces[w] = n
}

// tell fires what records hold, with the cursor behind them, and compares the rates. Where nothing is told, the cursor is kept every now and then
// only: what is read again then holds nothing.
func (b *beacon) tell(ctx context.Context, list []record, now time.Time) error {
	counted := map[*watcher][]string{}
	for first := true; first || len(list) > 0; first = false {
		t := &told{paces: map[*watcher]pace{}}
		for _, w := range b.watches {
			if w.pace.More > 0 {
				t.over(w, now)
			}
		}
		cursor, n := b.cursor, 0
		for ; n < len(list) && len(t.signals) < batch; n++ {
			r := list[n]
			if r.lost != "" {
				t.signals = append(t.signals, beacons.Signal{Tag: Lost, Time: now, Data: Data{Change: Lost, Reason: r.lost}})
			} else if old := cursor == "" && !r.at.After(b.began); !old {
				b.look(t, r, now, counted)
			}
			if r.cursor != "" {
				cursor = r.cursor
			}
		}
		list = list[n:]
		if err := b.keep(ctx, t, cursor, n, len(counted) > 0); err != nil {
			return err
		}
	}
	b.speed(ctx, counted, now)
	return nil
}

// look matches a record with all watches.
func (b *beacon) look(t *told, r record, now time.Time, counted map[*watcher][]string) {
	for _, w := range b.watches {
		groups, ok := w.find(r)
		if !ok {
			continue
		}
		if w.hasRate() && now.Sub(r.at) < w.within() { // and not one of before a stop
			counted[w] = append(counted[w], w.counted(r, groups))
		}
		t.match(w, r, groups, now)
	}
}

// keep makes it durable, and only then takes it over. counted: a rate counts some of the records, which must not be read again in other pieces.
func (b *beacon) keep(ctx context.Context, t *told, cursor string, records int, counted bool) error {
	b.unkept += records
	due := cursor != b.cursor && (b.cursor == "" || counted || b.unkept >= lazy)
	if len(t.signals) == 0 && len(t.paces) == 0 && !due {
		b.cursor = cursor
		return nil
	}
	var sets []beacons.KV
	if cursor != "" {
		sets = append(sets, beacons.KV{Key: cursorKey, Value: []byte(cursor)})
	}
	for w, n := range t.paces {
		kv := beacons.KV{Key: w.key}
		if n != (pace{}) {
			kv.Value, _ = json.Marshal(n) // a time and numbers
		}
		sets = append(sets, kv)
	}
	if len(t.signals) == 0 {
		t.signals = []beacons.Signal{{}}
	}
	t.signals[len(t.signals)-1].Set = sets
	if err := b.fire(ctx, t.signals...); err != nil {
		return err
	}
	for w, n := range t.paces {
		w.pace = n
	}
	b.cursor, b.unkept = cursor, 0
	return nil
}

// speed compares how fast matches come with the rates.
func (b *beacon) speed(ctx context.Context, counted map[*watcher][]string, now time.Time) {
	for _, w := range b.watches {
		if !w.hasRate() {
			continue
		}
		w.speeds.Advance(now)
		for _, k := range counted[w] {
			w.speeds.Add(k)
		}
		keys := append(w.speeds.Keys(), b.limits.Keys(w.limit)...)
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			b.limits.Step(ctx, w.limit, k, now, float64(w.speeds.Of(k)), func(r beacons.Reading) any {
				return Data{Watch: w.name, Change: Rate, State: r.State(), By: w.Rate.By, Key: r.Key, Count: int64(r.Value),
					Threshold: w.Rate.Threshold.Limit(), Within: w.within().Seconds(), Since: r.Since, Worst: r.Worst, Lasted: r.Lasted()}
			})
		}
	}
}

// due is when the watches are to be looked at though nothing is written; zero: not.
func (b *beacon) due(now time.Time) (at time.Time) {
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, w := range b.watches {
		if w.pace.More > 0 {
			sooner(w.pace.Start.Add(paceWindow))
		}
		if w.hasRate() && (len(w.speeds.Keys()) > 0 || len(b.limits.Keys(w.limit)) > 0) {
			sooner(now.Add(min(w.within()/10, maxTick)))
		}
	}
	return at
}
