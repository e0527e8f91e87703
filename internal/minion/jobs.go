package minion

import (
	"slices"
	"time"

	"brine/internal/job"
	"brine/internal/wire"
)

// queued is a job that waits for its turn.
type queued struct {
	job      *wire.Job
	deadline time.Time // by this minion's clock
}

// job takes a job, or passes it over because it has it already. What is not taken comes again.
func (c *Core) job(j *wire.Job) {
	if d, ok := c.done[j.JID]; ok && d.Attempt >= j.Attempt {
		c.take(j)
		if d.Inc != c.mem.Inc || d.Seq <= c.mem.Acked { // the master had the result, and has lost it
			c.done[j.JID] = Done{Attempt: d.Attempt, Inc: c.mem.Inc, Seq: c.mem.Next} // until Finished says it exactly
			c.emit(Recall{JID: j.JID})
		}
		return
	}
	if c.running == j.JID || slices.ContainsFunc(c.queue, func(q queued) bool { return q.job.JID == j.JID }) {
		c.take(j)
		return
	}
	if len(c.queue) >= maxQueuedJobs {
		c.logf(true, "job not taken: the queue is full", "jid", j.JID, "bound", maxQueuedJobs)
		return
	}
	c.take(j)
	c.queue = append(c.queue, queued{job: j, deadline: c.now.Add(j.Remaining)})
}

func (c *Core) take(j *wire.Job) {
	c.emit(Send{Conn: c.conn, Msg: &wire.Taken{JID: j.JID, Attempt: j.Attempt}})
}

func (c *Core) cancel(jid string) {
	c.queue = slices.DeleteFunc(c.queue, func(q queued) bool { return q.job.JID == jid })
}

// runNext starts what can be started: one state run at a time, in the order they came; what changes nothing does not
// wait for them.
func (c *Core) runNext() {
	rest := c.queue[:0]
	for _, q := range c.queue {
		switch err := c.permit(q); {
		case err != "":
			c.hold(q)
			c.emit(Refuse{Job: q.job, Reason: err})
		case q.job.Fun != job.StateApply:
			c.hold(q)
			c.emit(Run{Job: q.job, Deadline: q.deadline})
		case c.running == "":
			c.running = q.job.JID
			c.hold(q)
			c.emit(Run{Job: q.job, Deadline: q.deadline})
		default:
			rest = append(rest, q)
		}
	}
	clear(c.queue[len(rest):])
	c.queue = rest
}

// hold remembers a job as under way, so that it is not started twice. The sequence is not known yet: it is past
// everything that could be acknowledged.
func (c *Core) hold(q queued) {
	c.remember(q.job.JID, Done{Attempt: q.job.Attempt, Inc: c.mem.Inc, Seq: 1<<64 - 1})
}

func (c *Core) permit(q queued) string {
	if !c.now.Before(q.deadline) {
		return "expired before it could start"
	}
	if q.job.Fun != job.StateApply && q.job.Fun != job.TestPing {
		return "this minion knows no function " + q.job.Fun
	}
	if c.opt.Permit != nil {
		if err := c.opt.Permit(q.job); err != nil {
			return err.Error()
		}
	}
	return ""
}

func (c *Core) finished(in Finished) {
	if c.running == in.JID {
		c.running = ""
	}
	c.remember(in.JID, in.Done)
	c.mem.Next = max(c.mem.Next, in.Seq+1)
}

func (c *Core) remember(jid string, d Done) {
	if _, ok := c.done[jid]; !ok {
		c.order = append(c.order, jid)
		if len(c.order) > maxDone {
			delete(c.done, c.order[0])
			c.order = c.order[1:]
		}
	}
	c.done[jid] = d
}
