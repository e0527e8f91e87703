package master

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"brine/internal/event"
	"brine/internal/job"
)

// Bounds of what is remembered of drift. Past maxDrift the state that has been right for longest is forgotten; where none is
// right, a further one is not taken up, and that is told.
const (
	maxDrift     = 4096 // states of one minion
	maxDriftName = 4096 // bytes of an id, an SLS or a name: as long as a path can be
	maxDriftWhy  = 300  // bytes
	maxDriftKey  = 512  // bytes of a record's key behind the minion; a longer one is hashed
)

// driftTag is what the tags of all events about drift begin with.
const driftTag = "brine/drift/"

// DriftOK is the status of a state that was out of line and is right again. The others are job.DriftDrifted, DriftFailed,
// DriftContested and DriftUndone.
const DriftOK = "ok"

// Drift is how one enforced state of a minion stands, as far as its events tell: only of states that were out of line once.
type Drift struct {
	Minion    string    `json:"minion"`
	ID        string    `json:"id"` // the state's id in the SLS file
	SLS       string    `json:"sls"`
	Fun       string    `json:"fun"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`     // ok, drifted, failed, contested
	Since     time.Time `json:"since"`      // when it got out of line; when it was put right, if it is right. By the master's clock
	Corrected uint64    `json:"corrected"`  // times, ever
	Last      time.Time `json:"last"`       // when it was last told of
	LastEvent event.ID  `json:"last_event"` // which told it
	Why       string    `json:"why"`        // in a few words
}

// OutOfLine reports whether the state is not as it is wanted.
func (d Drift) OutOfLine() bool { return d.Status != DriftOK }

// DriftRecord is a Drift as it is kept.
type DriftRecord struct {
	Drift
	Told int `json:"told"` // the minion's own count at the last event; it begins anew with each start
}

// drifts is what the core holds of one minion's states.
type drifts struct {
	of   map[string]DriftRecord // by driftKey
	lost uint64                 // events of states that found no room
}

// driftKey is the state's part of a record's key: what the minion tells states apart by.
func driftKey(fun, name string) string {
	key := event.EscapeSegment(fun + ": " + name)
	if len(key) <= maxDriftKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// drift keeps up to date what is known of an enforced state. An event that cannot be read changes nothing: it stands in the log.
func (c *Core) drift(m *minion, e *event.Event) {
	if !strings.HasPrefix(e.Tag, driftTag) {
		return
	}
	var d job.Drift
	if strings.Count(e.Tag, "/") != 4 || e.Data.Decode(&d) != nil || d.Fun == "" || d.Name == "" {
		return
	}
	what := e.Tag[strings.LastIndexByte(e.Tag, '/')+1:]
	for _, text := range []*string{&d.ID, &d.SLS, &d.Fun, &d.Name} {
		*text = cut(*text, maxDriftName)
	}
	key := driftKey(d.Fun, d.Name)
	old, known := m.drift.of[key]
	switch what {
	case job.DriftCorrected, job.DriftDrifted, job.DriftFailed, job.DriftContested, job.DriftUndone:
	case job.DriftSettled:
		if !known {
			return
		}
	case job.DriftReleased:
		c.dropDrift(m, key)
		return
	default:
		return
	}
	c.spread(m, e, &d)
	if !known && !c.roomForDrift(m, e) {
		return
	}
	r := nextDrift(old, d, what, e.ID, m.when(e))
	m.drift.put(key, r)
	c.emit(PutDrift{Minion: m.info.ID, Key: key, Record: &r})
}

// when is the time of a minion's event by the master's clock.
func (m *minion) when(e *event.Event) time.Time {
	at := e.Time.Add(-time.Duration(m.info.OffsetNS))
	if at.After(e.Received) {
		return e.Received
	}
	return at
}

// nextDrift is the record after an event. Corrections are counted by how far the minion's own count has come: not each of them is
// told while a state is contested.
func nextDrift(old DriftRecord, d job.Drift, what string, id event.ID, at time.Time) DriftRecord {
	r := DriftRecord{Told: max(d.Corrected, 0), Drift: Drift{
		Minion: id.Origin, ID: d.ID, SLS: d.SLS, Fun: d.Fun, Name: d.Name,
		Status: what, Since: at, Corrected: old.Corrected, Last: at, LastEvent: id, Why: job.Differences(d.Result.Changes)}}
	switch what {
	case job.DriftFailed:
		r.Why = d.Result.Comment
	case job.DriftContested:
		r.Why = strings.TrimSuffix("something else changes it again and again: "+r.Why, ": ")
	case job.DriftUndone:
		r.Why = strings.TrimSuffix("not enforced until it is applied again: "+r.Why, ": ")
	case job.DriftSettled:
		r.Status, r.Why = DriftOK, "settled"
	case job.DriftCorrected:
		r.Status = DriftOK
	}
	if d.Held != "" {
		r.Why = "held (" + d.Held + "): " + r.Why
	}
	r.Why = cut(strings.Join(strings.Fields(r.Why), " "), maxDriftWhy)
	if old.Status != "" && old.OutOfLine() && r.OutOfLine() {
		r.Since = old.Since
	}
	put := what == job.DriftCorrected || what == job.DriftContested
	if restarted := r.Told < old.Told || r.Told == old.Told && put; restarted {
		old.Told = 0
	}
	r.Corrected += uint64(r.Told - old.Told)
	return r
}

// cut is the beginning of a text, without half a letter.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

func (d *drifts) put(key string, r DriftRecord) {
	if d.of == nil {
		d.of = map[string]DriftRecord{}
	}
	d.of[key] = r
}

// driftFullData is the data of brine/minion/<id>/drift-full.
type driftFullData struct {
	Most int    `json:"most"` // states that are remembered of a minion
	Lost uint64 `json:"lost"` // events that found no room, since the master started
}

// roomForDrift makes room for one more state, if it can. What finds none is told with its first event, and whenever twice as many
// have been lost.
func (c *Core) roomForDrift(m *minion, e *event.Event) bool {
	if len(m.drift.of) < maxDrift {
		return true
	}
	oldest := ""
	for key, r := range m.drift.of {
		if r.OutOfLine() {
			continue
		}
		if o := m.drift.of[oldest]; oldest == "" || cmp.Or(r.Last.Compare(o.Last), cmp.Compare(key, oldest)) < 0 {
			oldest = key
		}
	}
	if oldest != "" {
		c.dropDrift(m, oldest)
		return true
	}
	m.drift.lost++
	if n := m.drift.lost; n&(n-1) == 0 {
		c.own(ownEvent{tag: "brine/minion/" + m.info.ID + "/drift-full", causes: []event.ID{e.ID}, depth: min(e.Depth, event.MaxDepth-1) + 1,
			data: driftFullData{Most: maxDrift, Lost: n}})
	}
	return false
}

func (c *Core) dropDrift(m *minion, key string) {
	if _, ok := m.drift.of[key]; ok {
		delete(m.drift.of, key)
		c.emit(PutDrift{Minion: m.info.ID, Key: key})
	}
}

// forgetDrift drops all that is known of a minion's states.
func (c *Core) forgetDrift(m *minion) {
	for _, key := range slices.Sorted(maps.Keys(m.drift.of)) {
		c.dropDrift(m, key)
	}
	m.drift = drifts{}
}

// recoverDrift takes what the log remembers.
func (c *Core) recoverDrift(list []DriftRecord) {
	for _, r := range list {
		if m := c.minions[r.Minion]; m != nil {
			m.drift.put(driftKey(r.Fun, r.Name), r)
		}
	}
}
