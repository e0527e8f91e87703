package log

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"brine/beacons"
)

// Bounds of what is told.
const (
	maxTold  = 4096            // bytes of a line
	maxGroup = 1024            // bytes of a group
	batch    = 256             // signals in one transaction
	lazy     = 1 << 20         // bytes that are read without a position being kept
	maxTick  = 5 * time.Second // between looks at a rate that something is counted for
)

// pattern is one of a watch, with what was told of it lately.
type pattern struct {
	Pattern
	name   string
	key    string // of the baseline of pace
	pace   pace
	speeds *beacons.Speeds
}

// pace counts what was told one by one, and what was not, within a minute. It is kept.
type pace struct {
	Start time.Time `json:"start"`
	Told  int       `json:"told"`
	More  int64     `json:"more"`
}

// find makes what is told of a record that matches; nil: it does not.
func (p *pattern) find(text []byte) map[string]string {
	m := p.Match.FindSubmatch(text)
	if m == nil || p.Except != nil && p.Except.Match(text) {
		return nil
	}
	groups := map[string]string{}
	for i, name := range p.Match.SubexpNames() {
		if name != "" && (m[i] != nil || groups[name] == "") { // of several groups of one name, the one that took part
			groups[name] = clean(m[i], maxGroup)
		}
	}
	return groups
}

func clean(text []byte, most int) string {
	return strings.ToValidUTF8(string(text[:min(len(text), most)]), "\uFFFD")
}

// told are signals that go into one transaction, with what they make of the paces.
type told struct {
	signals []beacons.Signal
	paces   map[*pattern]pace
}

func (w *watcher) newTold() *told { return &told{paces: map[*pattern]pace{}} }

// pace is how a pattern stands, with what goes into this transaction.
func (b *told) pace(p *pattern) pace {
	if n, ok := b.paces[p]; ok {
		return n
	}
	return p.pace
}

// over ends the minute of a pattern, if it is over.
func (b *told) over(w *watcher, p *pattern, now time.Time) {
	n := b.pace(p)
	if since := now.Sub(n.Start); since >= 0 && since < paceWindow {
		return
	}
	if n.More > 0 {
		b.signals = append(b.signals, beacons.Signal{Tag: w.name + "/" + p.name + "/" + More, Time: now,
			Data: Data{Watch: w.name, Pattern: p.name, Change: More, Count: n.More, Within: paceWindow.Seconds()}})
	}
	if n != (pace{}) {
		b.paces[p] = pace{}
	}
}

// match tells a record.
func (b *told) match(w *watcher, f *follower, at int64, r record, now time.Time, counted map[*pattern][]string) {
	for _, p := range w.patterns {
		groups := p.find(r.text)
		if groups == nil {
			continue
		}
		if p.hasRate() {
			counted[p] = append(counted[p], groups[p.Rate.By])
		}
		if p.most() == 0 {
			continue
		}
		b.over(w, p, now)
		n := b.pace(p)
		if n.Start.IsZero() {
			n.Start = now
		}
		if n.Told++; n.Told > p.most() {
			n.Told, n.More = p.most(), n.More+1
			b.paces[p] = n
			continue
		}
		b.paces[p] = n
		b.signals = append(b.signals, beacons.Signal{Tag: w.name + "/" + p.name, Time: now, Data: Data{Watch: w.name, Pattern: p.name, Change: Match, Path: f.path,
			Line: clean(r.text, maxTold), Cut: r.cut || len(r.text) > maxTold, Groups: groups, Offset: at + int64(r.at)}})
	}
}

// fire makes it durable, the sets with the last signal, and only then takes it over.
func (b *told) fire(ctx context.Context, w *watcher, sets ...beacons.KV) error {
	for p, n := range b.paces {
		kv := beacons.KV{Key: p.key}
		if n != (pace{}) {
			kv.Value, _ = json.Marshal(n) // a time and numbers
		}
		sets = append(sets, kv)
	}
	if len(b.signals) == 0 && len(sets) == 0 {
		return nil
	}
	if len(b.signals) == 0 {
		b.signals = []beacons.Signal{{}}
	}
	b.signals[len(b.signals)-1].Set = sets
	if err := w.b.fire(ctx, b.signals...); err != nil {
		return err
	}
	for p, n := range b.paces {
		p.pace = n
	}
	return nil
}

// tell fires what a piece holds, with where that leaves the file, and compares the rates. Where nothing is told, the position is kept every
// now and then only: what is read again then holds nothing.
func (w *watcher) tell(ctx context.Context, f *follower, t *tail, p piece, now time.Time) error {
	counted := map[*pattern][]string{}
	begin := 0
	for begin < len(p.records) {
		b, i := w.newTold(), begin
		for ; i < len(p.records) && len(b.signals) < batch; i++ {
			b.match(w, f, p.at, p.records[i], now, counted)
		}
		begin = i
		if len(b.signals) == 0 && len(b.paces) == 0 {
			continue
		}
		next := p.next
		if i < len(p.records) { // the rest is another transaction
			next = t.pos
			next.Offset, next.Skip = p.at+int64(p.records[i].at), false
			var err error
			if next.Print, err = fingerprint(t.f, next.Offset); err != nil {
				return err
			}
		}
		if err := b.fire(ctx, w, f.baseline(t, next)); err != nil {
			return err
		}
	}
	if w.unkept += p.used; w.unkept > lazy {
		f.unkept, w.unkept = true, 0
	}
	t.keep(p)
	w.speed(ctx, counted, now)
	return nil
}

// speed compares how fast matches come with the rates.
func (w *watcher) speed(ctx context.Context, counted map[*pattern][]string, now time.Time) {
	for _, p := range w.patterns {
		if !p.hasRate() {
			continue
		}
		limit := w.name + "/" + p.name + "/" + Rate
		p.speeds.Advance(now)
		for _, k := range counted[p] {
			p.speeds.Add(k)
		}
		keys := append(p.speeds.Keys(), w.b.limits.Keys(limit)...)
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			w.b.limits.Step(ctx, limit, k, now, float64(p.speeds.Of(k)), func(r beacons.Reading) any {
				return Data{Watch: w.name, Pattern: p.name, Change: Rate, State: r.State(), By: p.Rate.By, Key: r.Key, Count: int64(r.Value),
					Threshold: p.Rate.Threshold.Limit(), Within: p.within().Seconds(), Since: r.Since, Worst: r.Worst, Lasted: r.Lasted()}
			})
		}
	}
}

func (p *pattern) within() time.Duration {
	if p.Rate.Within == 0 {
		return defaultWithin
	}
	return p.Rate.Within
}

// due is when the patterns are to be looked at though nothing is written; zero: not.
func (w *watcher) due(now time.Time) (at time.Time) {
	for _, p := range w.patterns {
		next := time.Time{}
		if p.pace.More > 0 {
			next = p.pace.Start.Add(paceWindow)
		}
		if p.hasRate() && (len(p.speeds.Keys()) > 0 || len(w.b.limits.Keys(w.name+"/"+p.name+"/"+Rate)) > 0) {
			if tick := now.Add(min(p.within()/10, maxTick)); next.IsZero() || tick.Before(next) {
				next = tick
			}
		}
		if !next.IsZero() && (at.IsZero() || next.Before(at)) {
			at = next
		}
	}
	return at
}

// pass tells what time alone brings about.
func (w *watcher) pass(ctx context.Context, now time.Time) error {
	b := w.newTold()
	for _, p := range w.patterns {
		if p.pace.More > 0 {
			b.over(w, p, now)
		}
	}
	if err := b.fire(ctx, w); err != nil {
		return err
	}
	w.speed(ctx, nil, now)
	for path := range maps.Keys(w.lost) {
		d := Data{Watch: w.name, Change: Lost, Path: path, Reason: w.lost[path]}
		if err := w.b.fire(ctx, beacons.Signal{Tag: w.name + "/" + Lost, Time: now, Data: d}); err != nil {
			return err
		}
		delete(w.lost, path)
	}
	return nil
}
