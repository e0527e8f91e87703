package master

import (
	"fmt"
	"slices"

	"brine/internal/event"
	"brine/internal/job"
)

// Bounds of what the master itself carries out.
const (
	maxExec        = 64     // actions at once
	maxExecRule    = 4      // of these, of one rule: what hangs for ever holds up its own rule only
	maxWaitingExec = 16_384 // jobs of one rule that wait; a further decision is told as dead at once
)

// lanes are the master's own jobs, a lane for each rule. Rules take turns.
type lanes struct {
	byRule  map[string]*lane
	order   []string // rules that have a lane
	turn    int      // in order
	running int
	due     bool // something may be ready
}

// lane is the jobs of one rule in the order they came. They begin in that order.
type lane struct {
	queue
	running int
}

// of is the lane of a rule, made when there is none.
func (x *lanes) of(rule string) *lane {
	l := x.byRule[rule]
	if l == nil {
		if x.byRule == nil {
			x.byRule = map[string]*lane{}
		}
		l = &lane{}
		x.byRule[rule] = l
		x.order = append(x.order, rule)
	}
	return l
}

// tidy forgets an empty lane.
func (x *lanes) tidy(rule string) {
	if l := x.byRule[rule]; l == nil || len(l.jobs) > 0 {
		return
	}
	delete(x.byRule, rule)
	if i := slices.Index(x.order, rule); i >= 0 {
		x.order = slices.Delete(x.order, i, i+1)
		if i < x.turn {
			x.turn--
		}
	}
}

// next takes the job whose turn it is; nil when nothing can begin.
func (x *lanes) next() *openJob {
	if x.running >= maxExec {
		return nil
	}
	for range x.order {
		x.turn %= len(x.order)
		l := x.byRule[x.order[x.turn]]
		x.turn++
		if l.running >= maxExecRule {
			continue
		}
		if i := slices.IndexFunc(l.jobs, func(j *openJob) bool { return j.stage == ready }); i >= 0 {
			return l.jobs[i]
		}
	}
	return nil
}

// execute begins what the master itself carries out, a few at once, what a crash has interrupted among it.
func (c *Core) execute() {
	for c.exec.due {
		c.exec.due = false
		for j := c.exec.next(); j != nil; j = c.exec.next() {
			c.executeOne(j)
		}
		c.reactAll() // to what was given up
	}
}

func (c *Core) executeOne(j *openJob) {
	if j.interrupted {
		j.interrupted = false
		j.Cut++
		if why := j.mayNotRepeat(); why != "" {
			c.giveUp(j, why)
			return
		}
	}
	c.exec.running++
	c.exec.of(j.Rule).running++
	j.stage, j.Status = sent, job.Sent
	j.Attempt++
	c.put(j)
	c.emit(Execute{Job: j.Job})
}

// mayNotRepeat says why a job that was interrupted is not begun again.
func (j *openJob) mayNotRepeat() string {
	switch {
	case j.Fragile:
		return "the master ended while it ran: whether it was done is not known"
	case j.Cut >= maxInterrupted:
		return fmt.Sprintf("the master ended %d times while it ran", j.Cut)
	}
	return ""
}

// leave takes a job out of what is running.
func (c *Core) leave(j *openJob) {
	if j.Target != event.Master {
		return
	}
	c.exec.due = true
	if j.stage == sent {
		c.exec.running--
		c.exec.of(j.Rule).running--
	}
}

func (c *Core) executed(in Executed) {
	j := c.jobs[jobKey{in.JID, event.Master}]
	if j == nil || j.stage != sent || in.Result.Attempt != j.Attempt {
		return
	}
	ret := c.own(ownEvent{tag: jobTag + j.JID + "/ret/" + event.Master, causes: []event.ID{j.New}, depth: j.Depth + 1, data: in.Result})
	c.finish(j, in.Result, ret.ID)
}
