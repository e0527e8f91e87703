package reactors

import (
	"cmp"
	"slices"
	"time"

	"brine/internal/event"
)

// Window is an open window as it is listed: what a rule remembers for one value of its by.
type Window struct {
	Rule    string     `json:"rule"`
	Kind    string     `json:"kind"` // count, all, sequence, absent; once_within, once_after, accumulate_within
	By      []string   `json:"by"`   // the expressions
	Key     string     `json:"key"`  // their values, as a JSON list
	Seen    int        `json:"seen"` // events that count so far
	Want    int        `json:"want"` // of how many; 0 where their number does not matter
	Missing []string   `json:"missing"`
	Held    int        `json:"held"`   // states that run once more when it ends
	Until   *time.Time `json:"until"`  // when it ends; of count, all and sequence, when the first of the events stops counting. Null: with the next event
	Waits   string     `json:"waits"`  // for what, in a few words
	Events  []event.ID `json:"events"` // the last of those seen or held back, at most event.MaxCauses
}

// Windows lists the open windows of a rule, or of all with an empty name, by rule and key: at most limit, and how many more there are.
func (r *Reactor) Windows(rule string, limit int) (list []Window, more int) {
	r.settle()
	var all []*window
	for _, w := range r.conditions.byID {
		if rule == "" || w.rule == rule {
			all = append(all, w)
		}
	}
	conditions := len(all)
	for _, w := range r.throttles.byID {
		if rule == "" || w.rule == rule {
			all = append(all, w)
		}
	}
	order := func(a, b *window) int { return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.key, b.key)) }
	slices.SortFunc(all[:conditions], order)
	slices.SortFunc(all[conditions:], order)
	for i, w := range all[:min(len(all), limit)] {
		var d Window
		if i < conditions {
			d = r.condition(w)
		} else {
			d = r.throttleWindow(w)
		}
		d.By, d.Missing, d.Events = some(d.By), some(d.Missing), some(d.Events)
		list = append(list, d)
	}
	return list, len(all) - len(list)
}

// condition describes a window of a rule's condition.
func (r *Reactor) condition(w *window) Window {
	c := r.set.byName[w.rule].cond
	d := Window{Rule: w.rule, Kind: string(c.kind), By: c.by, Key: w.key, Seen: len(w.kept), Events: causesOf(w.kept, event.ID{})}
	if c.kind == kindAbsent {
		d.Missing, d.Waits = c.parts, "until "+c.parts[0]+" has come"
		if w.until != never {
			d.Until, d.Waits = moment(w.until), "for "+c.parts[0]
		}
		return d
	}
	have, want, missing := c.progress(w.kept)
	d.Seen, d.Want, d.Missing, d.Waits = len(have), want, missing, c.soFar(w)
	if c.kind == kindAll {
		d.Seen = want - len(missing)
	}
	if len(have) > 0 {
		d.Until = moment(have[0].Moment + int64(c.within))
	} else {
		d.Until = moment(w.until)
	}
	return d
}

// throttleWindow describes a window of a rule's throttle, or of one that it had before it was changed.
func (r *Reactor) throttleWindow(w *window) Window {
	d := Window{Rule: w.rule, Key: w.key, Seen: w.count + len(w.kept), Held: len(w.held), Until: moment(w.until), Events: w.causes, Kind: string(onceWithin)}
	if len(w.kept) > 0 {
		d.Events = causesOf(w.kept, event.ID{})
	}
	t := r.set.byName[w.rule].throttle
	if t == nil || t.print != w.print {
		d.Waits = "the end of a throttle that the rule no longer has"
		return d
	}
	d.Kind, d.By, d.Want = string(t.kind), t.by, t.threshold
	switch {
	case t.kind == onceAfter:
		d.Waits = "fires at its end"
	case t.kind == accumulateWithin:
		d.Waits = "fires when enough have come"
	case d.Held > 0:
		d.Waits = "what it holds back runs at its end"
	default:
		d.Waits = "holds back until its end"
	}
	return d
}

func moment(at int64) *time.Time {
	t := time.Unix(0, at).UTC()
	return &t
}

// some makes an empty list [] in JSON, not null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
