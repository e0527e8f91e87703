package master

import (
	"fmt"
	"slices"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/target"
	"brine/reactors"
)

// reactAll shows the rules everything that was appended, in the order of the log, and what they fire in turn. Events,
// verdicts, decisions, the rules' state and the cursor are one commit.
func (c *Core) reactAll() {
	if len(c.react) == 0 {
		return
	}
	world := reactors.World{Grains: c.grains}
	for i := 0; i < len(c.react); i++ { // it grows meanwhile
		e := c.react[i]
		verdicts := c.opt.Reactor.Step(e, world)
		if len(verdicts) > 0 {
			c.decide(e, verdicts)
		}
	}
	last := c.react[len(c.react)-1].Pos
	clear(c.react)
	c.react = c.react[:0]
	for _, kv := range c.opt.Reactor.Dirty() {
		c.emit(PutReactor{KV: kv})
	}
	c.emit(Cursor{Pos: last})
}

// decide turns verdicts into jobs and events.
func (c *Core) decide(e event.Event, verdicts []reactors.Verdict) {
	stored := make([]Verdict, len(verdicts))
	for i, v := range verdicts {
		out := Verdict{Verdict: v}
		if v.Outcome == reactors.Error {
			c.tellFailed(e, v)
		}
		c.tellGuard(v.Tell)
		if v.Bound != "" {
			c.tellOf(e, v.Rule, "bound", v.Bound)
		}
		if v.Outcome == reactors.Deep {
			c.tellDeep(e, v)
		}
		c.carryOut(e, v, &out)
		stored[i] = out
	}
	c.emit(PutVerdict{Pos: e.Pos, Verdicts: stored})
}

// targets lists the minions that a decision means: the one that fired, unless tgt says otherwise.
func (c *Core) targets(e event.Event, d reactors.Decision) ([]string, error) {
	if d.Tgt == "" {
		if e.Minion == "" {
			return nil, fmt.Errorf("%s needs tgt: event %s was fired by no minion", d.Fun, e.ID)
		}
		if m := c.minions[e.Minion]; m == nil || m.key == "" {
			return nil, nil // its key was deleted before the rules saw the event
		}
		return []string{e.Minion}, nil
	}
	t, err := target.Parse(d.TgtType, d.Tgt)
	if err != nil {
		return nil, err
	}
	return c.match(t.Match), nil
}

// match lists the accepted minions that match, in order.
func (c *Core) match(match func(id string, grains map[string]any) bool) []string {
	var ids []string
	for id := range c.minions {
		if c.minions[id].key != "" && match(id, c.grains(id)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// newData is the data of brine/job/<jid>/new.
type newData struct {
	JID     string   `json:"jid"`
	Fun     string   `json:"fun"`
	Args    job.Args `json:"args"`
	Targets []string `json:"targets"`        // at most maxTargetsTold; the jobs themselves say all
	More    int      `json:"more,omitempty"` // targets that are not told
	Rule    string   `json:"rule,omitempty"`
	Step    int      `json:"step"`
}

// maxTargetsTold bounds the targets in one event, so that it holds them however long their names are.
const maxTargetsTold = 500

// open makes a job for each target, but where a waiting one asks the same, and fires brine/job/<jid>/new for them all. refused says
// why none of them can be carried out. It gives the jobs that were joined, by target.
func (c *Core) open(j job.Job, targets []string, ttl time.Duration, out *Verdict, refused string) (joined map[string]string) {
	j.Created, j.Deadline, j.Status = c.now, c.now.Add(ttl), job.Waiting
	var fresh []string
	for _, t := range targets {
		if o := c.jobs[jobKey{j.JID, t}]; o != nil {
			c.serve(o, j.Runs)
			continue // decided already: a replay, or the same step decided twice by one verdict
		}
		j.Target = t
		if same := c.queueOf(&j).waitingSame(j); same != nil {
			c.merge(same, j)
			if !slices.Contains(out.Merged, same.JID) {
				out.Merged = append(out.Merged, same.JID)
			}
			if joined == nil {
				joined = map[string]string{}
			}
			joined[t] = same.JID
			continue
		}
		fresh = append(fresh, t)
	}
	if len(fresh) == 0 {
		return joined
	}
	told := c.own(ownEvent{tag: jobTag + j.JID + "/new", by: j.By, causes: j.Causes, depth: j.Depth, data: newData{
		JID: j.JID, Fun: j.Fun, Args: j.Args, Targets: fresh[:min(len(fresh), maxTargetsTold)], More: max(len(fresh)-maxTargetsTold, 0),
		Rule: j.Rule, Step: j.Step}})
	j.New = told.ID
	out.Jobs = append(out.Jobs, j.JID)
	for _, t := range fresh {
		j.Target = t
		c.begin(&openJob{Job: j}, refused)
	}
	return joined
}

// serve lets runs wait for a job that is there already.
func (c *Core) serve(o *openJob, runs []string) {
	for _, id := range runs {
		if !slices.Contains(o.Runs, id) {
			o.Runs = append(slices.Clip(o.Runs), id)
			c.put(o)
		}
	}
}

// begin queues a new job and hands it over if its target can take it.
func (c *Core) begin(j *openJob, refused string) {
	waiting, most := len(c.queueOf(&j.Job).jobs), maxWaitingJobs
	if j.Target == event.Master {
		most = maxWaitingExec
	}
	if waiting >= most && refused == "" {
		refused = fmt.Sprintf("%d jobs wait for %s already", most, j.Target)
	}
	c.admit(j)
	c.put(j)
	if refused != "" {
		c.bury(j, refused)
	} else if j.Target != event.Master {
		c.dispatch(c.minion(j.Target))
	}
}

// failures counts what a rule failed at since it was last told.
type failures struct {
	at    time.Time
	quiet int
}

// failedData is the data of brine/reactor/<rule>/failed and bound.
type failedData struct {
	Event  string `json:"event"`
	Reason string `json:"reason"`
	Quiet  int    `json:"not_told"` // failures since the last such event that had none of their own
}

// tellFailed fires the event of a rule that failed.
func (c *Core) tellFailed(e event.Event, v reactors.Verdict) { c.tellOf(e, v.Rule, "failed", v.Why) }

// tellOf fires an event of a rule, failed or bound: at once, then at most one each failureSilence, with the count of the
// others. Their verdicts are all kept.
func (c *Core) tellOf(e event.Event, rule, what, why string) {
	if e.Depth >= event.MaxDepth {
		return // its verdict is kept; an event about it would lengthen the chain
	}
	if quiet, ok := c.tellNow(rule + "/" + what); ok {
		c.own(ownEvent{tag: "brine/reactor/" + rule + "/" + what, causes: []event.ID{e.ID}, depth: e.Depth + 1,
			data: failedData{Event: e.ID.String(), Reason: why, Quiet: quiet}})
	}
}

// deepData is the data of brine/reactor/<rule>/deep.
type deepData struct {
	Event string `json:"event"`
	Rule  string `json:"rule"`
	Tag   string `json:"tag"`
	Depth int    `json:"depth"`
	Quiet int    `json:"not_told"` // times since the last such event that had none of their own
}

// tellDeep fires the event of a chain that has come to its end, for each rule at most one each failureSilence. It is no link of the
// chain, or no rule could answer it: what it sets off is bounded by that silence.
func (c *Core) tellDeep(e event.Event, v reactors.Verdict) {
	if quiet, ok := c.tellNow(v.Rule + "/deep"); ok {
		c.own(ownEvent{tag: "brine/reactor/" + v.Rule + "/deep", data: deepData{Event: e.ID.String(), Rule: v.Rule, Tag: e.Tag, Depth: int(e.Depth), Quiet: quiet}})
	}
}

// tellNow reports whether it is time to tell of something again, and how often it was kept quiet since.
func (c *Core) tellNow(what string) (quiet int, ok bool) {
	f := c.told[what]
	if !f.at.IsZero() && c.now.Sub(f.at) < failureSilence {
		f.quiet++
		c.told[what] = f
		return 0, false
	}
	c.told[what] = failures{at: c.now}
	return f.quiet, true
}

// rules puts another set in force; what did not change keeps its throttles.
func (c *Core) rules(in Rules) {
	c.opt.Reactor.Replace(in.Set)
	clear(c.told) // or it would hold every rule there ever was
	c.own(ownEvent{tag: "brine/master/rules", data: map[string]any{"rules": len(in.Set.Rules()), "reason": in.Reason}})
	for _, kv := range c.opt.Reactor.Dirty() {
		c.emit(PutReactor{KV: kv})
	}
}
