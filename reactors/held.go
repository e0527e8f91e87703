package reactors

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// holdBack keeps the rule's states until the window ends: a file is never left wrong. Its other steps are passed over.
func (r *Reactor) holdBack(rule *rule, t *trigger, w *window, s *scope) Verdict {
	v := Verdict{Outcome: Throttled, Why: fmt.Sprintf("once within %s by %s, and that ends %s", rule.throttle.within, w.key, textOfTime(w.until))}
	var states []Decision
	for _, st := range t.variant.steps {
		if !strings.HasPrefix(st.fun, statePrefix) || st.late {
			continue
		}
		d, err := st.decide(s)
		if err != nil {
			return failed(fmt.Errorf("step %d, %s: %w", st.index+1, st.fun, err))
		}
		if d.TgtType == "" { // the event of the timer has no minion
			d.Tgt, d.TgtType = s.event.Minion, "list"
		}
		states = append(states, d)
	}
	kept := 0
	for _, d := range states {
		if r.throttles.hold(w, d) {
			kept++
			continue
		}
		v.Outcome = Fired
		v.Decisions = append(v.Decisions, d)
	}
	if kept > 0 {
		r.throttles.heldFor(w, &s.event)
		v.Why += "; the state runs once more then"
	}
	if len(v.Decisions) > 0 {
		v.Bound = fmt.Sprintf("the window holds %d states back already", len(w.held))
		v.Why += "; not throttled, for " + v.Bound
	}
	return v
}

// textOfTime writes Unix nanoseconds.
func textOfTime(at int64) string { return time.Unix(0, at).UTC().Format(time.RFC3339Nano) }

// taken gives the held decisions in a fixed order, those for lists of minions as one a step, without what decided has for
// minion already. A decision made before the rule changed, and so with other arguments than another of its step, gets a Step of
// its own past all that a rule can have, so that its jid is its own too.
func (w *window) taken(decided []Decision, minion string) []Decision {
	groups := make(map[string]*Decision)
	ids := make(map[string][]string)
	for _, d := range w.held {
		group, tgt := d, d.Tgt
		if d.TgtType == "list" {
			group.Tgt = ""
		}
		key := group.digest()
		groups[key] = &group
		ids[key] = append(ids[key], strings.Split(tgt, ",")...)
	}
	out := make([]Decision, 0, len(groups))
	for key, d := range groups {
		if d.TgtType == "list" {
			d.Tgt = strings.Join(without(ids[key], decided, d, minion), ",")
		}
		if d.Tgt != "" {
			out = append(out, *d)
		}
	}
	slices.SortFunc(out, func(a, b Decision) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.TgtType, b.TgtType), cmp.Compare(a.Tgt, b.Tgt),
			cmp.Compare(a.digest(), b.digest()))
	})
	return distinct(out, decided)
}

// without sorts the minions of a held decision and drops the one for which the same is decided just now.
func without(ids []string, decided []Decision, held *Decision, minion string) []string {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, d := range decided {
		if d.TgtType == "" && d.Step == held.Step && d.sameArgs(held) {
			ids = slices.DeleteFunc(ids, func(id string) bool { return id == minion })
		}
	}
	return ids
}

// distinct gives decisions whose arguments differ from those of their step's first one a step of their own.
func distinct(ds, decided []Decision) []Decision {
	first := make(map[int]*Decision)
	for i := range decided {
		first[decided[i].Step] = &decided[i]
	}
	spare := maxSteps
	for i := range ds {
		d := &ds[i]
		if f := first[d.Step]; f == nil {
			first[d.Step] = d
		} else if !f.sameArgs(d) {
			d.Step, spare = spare, spare+1
		}
	}
	return ds
}

func (d *Decision) sameArgs(o *Decision) bool {
	return d.Fun == o.Fun && d.Args.Test == o.Args.Test && slices.Equal(d.Args.SLS, o.Args.SLS) && bytes.Equal(d.Args.Data, o.Args.Data)
}

// size is what a decision that is held back takes, about, in bytes.
func (d *Decision) size() int { return heldBytes + len(d.Tgt) + len(d.Args.Data) }

// digest tells decisions of one rule apart.
func (d Decision) digest() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // plain values only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
