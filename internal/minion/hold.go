package minion

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/outbox"
	"brine/internal/wire"
)

// bucketHolds is where the outbox remembers when the holds in force came, and which enforced states the master was told of.
const (
	bucketHolds  = "holds"
	keyReceived  = "received"
	keyEnforcing = "enforcing"
)

// heldLook is how soon a held state that drifts is looked at again: nothing is put right, so nothing is urgent.
const heldLook = time.Second

// holder keeps what the master has asked not to put right. The end of each hold is known here, so that it ends in time while the master is
// away too.
type holder struct {
	mu    sync.Mutex
	list  []hold
	timer *time.Timer // to the next end; nil for none
	ended func()
	news  chan struct{} // other holds than before: the master is to be told that they are in force
}

// hold is one of them, until a time by this host's own clock; zero for until the master says otherwise.
type hold struct {
	job.Hold
	until time.Time
}

// same reports whether two holds are one, sent twice: what is left of it was measured twice.
func (h *hold) same(o *hold) bool {
	return h.Why == o.Why && h.All == o.All && slices.Equal(h.States, o.States) && h.until.IsZero() == o.until.IsZero() &&
		h.until.Sub(o.until).Abs() < holdSlack
}

// holdSlack is how far two measurements of the same end may lie apart.
const holdSlack = 2 * time.Second

// covers reports whether the hold is on a state.
func (h *hold) covers(key string) bool { return h.All || slices.Contains(h.States, key) }

// over reports whether the hold has ended.
func (h *hold) over(now time.Time) bool { return !h.until.IsZero() && !now.Before(h.until) }

// on says why a state is not to be put right at present.
func (h *holder) on(key string, now time.Time) (why string, held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.list {
		if o := &h.list[i]; o.covers(key) && !o.over(now) {
			return o.Why, true
		}
	}
	return "", false
}

// set takes the holds that are in force from now on. What is held no more is looked at.
func (h *holder) set(list []hold, now time.Time) {
	h.mu.Lock()
	same := slices.EqualFunc(h.list, list, func(a, b hold) bool { return a.same(&b) })
	h.list = list
	h.arm(now)
	h.mu.Unlock()
	if !same {
		notify(h.news)
	}
	h.ended()
}

// arm sets the timer to the next end. The caller holds mu.
func (h *holder) arm(now time.Time) {
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	h.list = slices.DeleteFunc(h.list, func(o hold) bool { return o.over(now) })
	var next time.Time
	for _, o := range h.list {
		if !o.until.IsZero() && (next.IsZero() || o.until.Before(next)) {
			next = o.until
		}
	}
	if !next.IsZero() {
		h.timer = time.AfterFunc(next.Sub(now), h.expire)
	}
}

func (h *holder) expire() {
	h.mu.Lock()
	h.arm(time.Now())
	h.mu.Unlock()
	h.ended()
}

// stop ends the timer.
func (h *holder) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
}

// received is the outbox's note of when the holds in force came, by this host's clock.
type received struct {
	Sum string    `json:"sum"` // of their data
	At  time.Time `json:"at"`
}

// setHolds is the setting job.SettingHolds. The master hands over the time that remains, so that its clock and this one need not agree;
// what has passed since, over a restart too, is measured here.
func (m *Minion) setHolds(_ context.Context, data event.Data) {
	now := time.Now()
	var in job.Holds
	if len(data) > 0 {
		if err := data.Decode(&in); err != nil {
			m.log.Error("the master's holds cannot be read: enforcement goes on", "error", err)
		}
	}
	passed := m.holdsPassed(data, now)
	list := make([]hold, 0, len(in.Holds))
	for _, h := range in.Holds {
		o := hold{Hold: h}
		if h.Left > 0 {
			o.until = now.Add(min(max(h.Left-passed, 0), h.Left)) // a clock that was set back prolongs nothing past what was asked for
		}
		list = append(list, o)
	}
	m.holds.set(list, now)
	if len(list) > 0 {
		m.log.Info("enforcement is held", "holds", len(list), "why", list[0].Why)
	}
}

// holdsPassed is how long ago these holds came. The first time they are seen that is now, and it is remembered.
func (m *Minion) holdsPassed(data event.Data, now time.Time) time.Duration {
	sum := sha256.Sum256(data)
	want := hex.EncodeToString(sum[:])
	var rec received
	kept, err := m.outbox.Baseline(bucketHolds).Get(keyReceived)
	if err == nil && len(kept) > 0 && event.Data(kept).Decode(&rec) == nil && rec.Sum == want {
		return now.Round(0).Sub(rec.At)
	}
	value, err := event.Encode(received{Sum: want, At: now})
	if err == nil {
		_, err = m.commit(outbox.Tx{Baselines: []outbox.KV{{Bucket: bucketHolds, Key: keyReceived, Value: value}}})
	}
	if err != nil {
		m.log.Error("when the master's holds came is not kept: a restart begins them anew", "error", err)
	}
	return 0
}

// holding says why a state is only looked at, though it is to be enforced; empty when it is put right.
func (e *enforcer) holding(t task) string {
	why, held := e.m.holds.on(t.low.Key(), time.Now())
	held = held && t.low.Enforce != job.EnforceWarn
	e.mu.Lock()
	defer e.mu.Unlock()
	t.s.held = held
	if !held {
		return ""
	}
	return cmp.Or(why, "held")
}

// holdsData is the data of brine/minion/<id>/holds.
type holdsData struct {
	Holds int      `json:"holds"` // that are in force now
	Why   []string `json:"why,omitempty"`
}

// tellHolds tells the master that other holds are in force than before, once nothing is being put right any more that they are on.
func (m *Minion) tellHolds(ctx context.Context) error {
	for {
		select {
		case <-m.holds.news:
		case <-ctx.Done():
			return nil
		}
		m.running.Lock() // what was begun before is over then
		m.holds.mu.Lock()
		d := holdsData{Holds: len(m.holds.list)}
		for _, o := range m.holds.list {
			d.Why = append(d.Why, o.Why)
		}
		m.holds.mu.Unlock()
		m.running.Unlock()
		m.notify(ctx, "brine/minion/"+m.cfg.ID+"/holds", d)
	}
}

// freed has everything looked at that a hold may have kept from being put right.
func (e *enforcer) freed() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.states {
		if s.drifted && s.contest.IsZero() {
			s.next = time.Time{}
		}
		e.want(s)
	}
}

// keep gives the causes back to a state that was looked at while it was held: they belong to the correction that is still to come.
func (e *enforcer) keep(t task) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(t.s.causes) == 0 {
		t.s.causes = t.causes
	}
	if next := time.Now().Add(heldLook); t.s.next.Before(next) {
		t.s.next = next
	}
}

// tellEnforcing tells the master which states are enforced, when it has not been told of these: it needs to know how many minions
// share one.
func (m *Minion) tellEnforcing(ctx context.Context, low *job.LowState) {
	keys := make([]string, 0, len(low.States))
	for _, l := range low.States {
		keys = append(keys, l.Key())
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	d := job.Enforcing{Count: len(keys), States: keys[:min(len(keys), job.MaxEnforcingTold)]}
	data, err := event.Encode(d)
	for ; err != nil && len(d.States) > 0; data, err = event.Encode(d) { // names as long as paths can be
		d.States = d.States[:len(d.States)/2]
	}
	if err != nil {
		m.log.Error("which states are enforced is not told", "error", err)
		return
	}
	sum := sha256.Sum256(data)
	if kept, err := m.outbox.Baseline(bucketHolds).Get(keyEnforcing); err == nil && (string(kept) == string(sum[:]) || kept == nil && len(keys) == 0) {
		return
	}
	tx := reserveTx(wire.Event{Tag: "brine/minion/" + m.cfg.ID + "/enforcing", Data: data})
	tx.Baselines = []outbox.KV{{Bucket: bucketHolds, Key: keyEnforcing, Value: sum[:]}}
	if _, err := m.commitAll(ctx, tx); err != nil && ctx.Err() == nil {
		m.log.Error("which states are enforced is not told", "error", err)
	}
}
