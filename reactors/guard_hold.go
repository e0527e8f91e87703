package reactors

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/config"
	"brine/internal/event"
)

// statePrefix is what the functions begin with that bring a state about: what is held back of them runs later, for a file must not be
// left wrong. Anything else that is held back is only recorded.
const statePrefix = "state."

// guarded passes on what a rule has decided, or keeps it back: from a rule that is paused, suspended, or in shadow mode.
func (r *Reactor) guarded(rule *rule, v Verdict, e *event.Event, now int64) Verdict {
	if v.Outcome != Fired || rule == nil {
		return v
	}
	if rule.shadow {
		return v.kept(Shadow, "shadow mode: "+v.Why)
	}
	o := r.guards.active[rule.name]
	if o == nil {
		o = r.guards.count(rule, e, now)
		if o == nil {
			return v
		}
		v.Tell = o.told(rule.rate, e)
	}
	states := r.guards.holdBack(o, &v, e)
	var kept Verdict
	if p := o.pause; p != nil {
		kept = v.kept(Paused, fmt.Sprintf("paused by %s until %s: %s", p.By, at(p.Until).Format(time.RFC3339), p.Why))
	} else {
		o.storm.count(rule.rate, now)
		kept = v.kept(Suspended, fmt.Sprintf("suspended since %s, for it fired more often than %s", at(o.storm.Since).Format(time.RFC3339), rule.rate))
	}
	if states > 0 {
		kept.Why += "; the state runs once when that ends"
	}
	return kept
}

// kept is the verdict of what was decided and is not carried out.
func (v Verdict) kept(o Outcome, why string) Verdict {
	return Verdict{Rule: v.Rule, Outcome: o, Why: why, Would: v.Decisions, Causes: v.Causes, Tell: v.Tell}
}

// count takes one firing in. It gives the guard when that was one too many: a storm begins.
func (g *guards) count(rule *rule, e *event.Event, now int64) *guard {
	if rule.rate.count == 0 {
		return nil
	}
	o := g.find(rule.name)
	if o.fires == 0 || now >= o.begun+int64(rule.rate.per) || o.print != rule.rate.String() {
		o.begun, o.fires, o.print = now, 0, rule.rate.String()
		if len(o.sample.Tags) > 0 {
			o.sample = sample{}
			g.dirty[sampleKey(o.rule)] = true
		}
	}
	o.fires++
	g.dirty[countKey(o.rule)] = true
	if o.sample.add(e) {
		g.dirty[sampleKey(o.rule)] = true
	}
	if o.fires <= rule.rate.count {
		return nil
	}
	o.storm = &storm{Since: now, Ends: now + int64(rule.rate.quiet())}
	g.place(o)
	return o
}

// told is the event of a suspension.
func (o *guard) told(r rate, e *event.Event) *Tell {
	return &Tell{
		Tag: GuardTag(o.rule, whatSuspended), Causes: []event.ID{e.ID}, Depth: min(e.Depth, event.MaxDepth-1) + 1,
		Data: SuspendData{
			Count: o.fires, Rate: r.String(), Tags: slices.Clone(o.sample.Tags), Minions: slices.Clone(o.sample.Minions), Quiet: config.ShortDuration(r.quiet()),
			Hint: "brine reactor resume " + o.rule + " ends it now; max_rate in the rule sets the limit",
		},
	}
}

// holdBack keeps the states of a verdict until the rule acts again, and says how many.
func (g *guards) holdBack(o *guard, v *Verdict, e *event.Event) (states int) {
	o.missed++
	for _, d := range v.Decisions {
		if strings.HasPrefix(d.Fun, statePrefix) && !d.Late && !d.OnFailure {
			d.Ordered = false // it runs by itself
			states++
			g.hold(o, d, e.Minion)
		}
	}
	if states > 0 {
		o.depth = max(o.depth, e.Depth)
		o.causes = append(o.causes, e.ID)
		if over := len(o.causes) - event.MaxCauses; over > 0 {
			o.causes = slices.Clone(o.causes[over:])
		}
	}
	g.dirty[guardKey(o.rule)] = true
	return states
}

// hold keeps a decision, one for each minion that it names, for the event that lets it go has none. The same is kept once.
func (g *guards) hold(o *guard, d Decision, minion string) {
	minions := []string{""}
	switch {
	case d.TgtType == "" && d.Tgt == "":
		d.TgtType, minions = "list", []string{minion}
	case d.TgtType == "list":
		minions = strings.Split(d.Tgt, ",")
	}
	if d.TgtType == "list" {
		d.Tgt = ""
	}
	digest := d.digest()
	for _, m := range minions {
		key := digest + "/" + m
		if _, ok := o.held[key]; ok {
			continue
		}
		if len(o.held) >= maxGuardHeld || o.bytes+d.size() > maxRuleBytes {
			o.lost++
			continue
		}
		if o.held == nil {
			o.held = make(map[string]heldBack)
		}
		o.held[key] = heldBack{m, d}
		o.bytes += d.size()
		g.dirty[heldGuardKey(o.rule, key)] = true
	}
}

// learn takes what became of a rule out of the log: operators' acts, and the ends that time has brought. What was held back is let go.
func (r *Reactor) learn(e *event.Event) (Verdict, bool) {
	rest, ok := strings.CutPrefix(e.Tag, timerPrefix)
	if !ok || e.Minion != "" {
		return Verdict{}, false
	}
	name, what, _ := strings.Cut(rest, "/")
	switch what {
	case whatPaused:
		r.paused(name, e)
	case whatResumed:
		return r.resumed(name, e)
	}
	return Verdict{}, false
}

func (r *Reactor) paused(name string, e *event.Event) {
	var d PauseData
	if e.Data.Decode(&d) != nil || d.Until.IsZero() {
		return
	}
	o := r.guards.find(name)
	since := e.Received.UnixNano()
	if o.pause != nil {
		since = o.pause.Since
	}
	o.pause = &pause{Since: since, Until: d.Until.UnixNano(), Why: d.Why, By: cmp.Or(e.By, "the master")}
	r.guards.place(o)
	r.guards.dirty[guardKey(name)] = true
}

func (r *Reactor) resumed(name string, e *event.Event) (Verdict, bool) {
	var d ResumeData
	o := r.guards.active[name]
	if o == nil || e.Data.Decode(&d) != nil {
		return Verdict{}, false
	}
	if d.Was != Suspended {
		o.pause = nil
	}
	if d.Was != Paused {
		o.storm, o.fires = nil, 0
		r.guards.dirty[countKey(name)] = true
	}
	r.guards.dirty[guardKey(name)] = true
	r.guards.place(o)
	if o.pause != nil || o.storm != nil {
		return Verdict{}, false
	}
	rule := r.set.byName[name]
	v := Verdict{Rule: name, Outcome: Fired, Why: fmt.Sprintf("%s: it would have fired %d times meanwhile", d.Why, o.missed), Decisions: o.letGo()}
	r.guards.release(o)
	return v, rule != nil && len(v.Decisions) > 0
}

// letGo gives what is held back in a fixed order, what is for lists of minions together as far as one decision takes them.
func (o *guard) letGo() []Decision {
	groups := map[string][]heldBack{}
	for _, h := range o.held {
		key := h.Decision.digest()
		groups[key] = append(groups[key], h)
	}
	var out []Decision
	for _, g := range groups {
		d := g[0].Decision
		if d.TgtType != "list" {
			out = append(out, d)
			continue
		}
		ids := make([]string, len(g))
		for i, h := range g {
			ids[i] = h.Minion
		}
		slices.Sort(ids)
		for some := range slices.Chunk(ids, maxGuardList) {
			d.Tgt = strings.Join(some, ",")
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Decision) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.TgtType, b.TgtType), cmp.Compare(a.Tgt, b.Tgt), cmp.Compare(a.digest(), b.digest()))
	})
	return distinct(out, nil)
}

// release forgets what is held back.
func (g *guards) release(o *guard) {
	for key := range o.held {
		g.dirty[heldGuardKey(o.rule, key)] = true
	}
	o.held, o.bytes, o.missed, o.lost, o.causes, o.depth = nil, 0, 0, 0, nil, 0
}
