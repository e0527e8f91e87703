package minion

import (
	"slices"
	"time"

	"brine/internal/wire"
)

// queued is a job that waits for its turn.
type queued struct {
	job      *wire.Job
	deadline time.Time // by this minion's clock
}

// underWay stands for the sequence of a result that is still to come: past everything that could be acknowledged.
const underWay = 1<<64 - 1

// job takes a job, or passes it over because it has it already. What is not taken comes again.
func (c *Core) job(j *wire.Job) {
	if d, ok := c.done[j.JID]; ok && d.Attempt >= j.Attempt {
		c.again(j, d)
		return
	}
	if c.running == j.JID {
		return // an earlier attempt: it comes again when that has ended
	}
	fresh := queued{job: j, deadline: c.now.Add(j.Remaining)}
	i := slices.IndexFunc(c.queue, func(q queued) bool { return q.job.JID == j.JID })
	switch {
	case i >= 0 && c.queue[i].job.Attempt < j.Attempt:
		c.queue[i] = fresh // the master no longer wants the result of the earlier one
	case i >= 0:
	case len(c.queue) >= maxQueuedJobs:
		c.logf(true, "job not taken: the queue is full", "jid", j.JID, "bound", maxQueuedJobs)
		return
	default:
		c.queue = append(c.queue, fresh)
	}
	c.take(j)
}

// again answers a job that was started before. While its result is on the way nothing is said: should the result turn out to be
// one that the master once had and has lost, the master must ask once more.
func (c *Core) again(j *wire.Job, d Done) {
	switch {
	case d.Seq == underWay:
		c.take(j)
	case d.Inc != c.mem.Inc || d.Seq <= c.mem.Acked:
		c.done[j.JID] = Done{Attempt: d.Attempt, Inc: c.mem.Inc, Seq: c.mem.Next} // until Finished says it exactly
		c.emit(Recall{Job: j})
	}
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
		if c.opt.Functions[q.job.Fun] && c.running != "" && c.now.Before(q.deadline) {
			rest = append(rest, q)
			continue
		}
		c.hold(q)
		if err := c.permit(q); err != "" {
			c.emit(Refuse{Job: q.job, Reason: err})
			continue
		}
		if c.opt.Functions[q.job.Fun] {
			c.running = q.job.JID
		}
		c.emit(Run{Job: q.job, Deadline: q.deadline})
	}
	clear(c.queue[len(rest):])
	c.queue = rest
}

// hold remembers a job as under way, so that it is not started twice.
func (c *Core) hold(q queued) {
	c.remember(q.job.JID, Done{Attempt: q.job.Attempt, Inc: c.mem.Inc, Seq: underWay})
}

func (c *Core) permit(q queued) string {
	if !c.now.Before(q.deadline) {
		return "expired before it could start"
	}
	if _, ok := c.opt.Functions[q.job.Fun]; !ok {
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
