package master

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
)

// jobTag is what the tags of all events about jobs begin with.
const jobTag = "brine/job/"

// nearDeadline is how close a deadline must be to have a timer of its own; the others are met by a sweep.
const nearDeadline = 10 * time.Minute

// sweepEvery is how often the deadlines of open jobs are looked at.
const sweepEvery = time.Minute

type jobKey struct{ jid, target string }

// openJob is a job that still waits for something.
type openJob struct {
	job.Job
	stage    stage
	tries    int // of compiling
	sendings int // to the current session
	low      *job.LowState
}

// stage is where an open job stands in memory. After a restart, and when a session ends, it is ready again.
type stage int

const (
	ready     stage = iota
	compiling       // Compile is out
	failing         // compiling has failed and will be tried again
	sent            // handed to the session, or for the master's own jobs: running
	closed          // final: nothing refers to it any more but timers
)

// queue holds the open jobs of one target in the order they came.
type queue struct{ jobs []*openJob }

func (q *queue) remove(j *openJob) {
	if i := slices.Index(q.jobs, j); i >= 0 {
		q.jobs = slices.Delete(q.jobs, i, i+1)
	}
}

// unsend makes everything ready again: the session that had it is gone.
func (q *queue) unsend() {
	for _, j := range q.jobs {
		if j.stage == sent {
			j.stage = ready
		}
		j.sendings, j.low = 0, nil
	}
}

func (c *Core) queueOf(target string) *queue {
	if target == event.Master {
		return &c.exec
	}
	return &c.minion(target).queue
}

// admit puts an open job into its queue.
func (c *Core) admit(j *openJob) {
	if !c.sweeping {
		c.sweeping = true
		c.timers.add(c.now.Add(sweepEvery), timer{kind: timerSweep})
	}
	c.jobs[jobKey{j.JID, j.Target}] = j
	q := c.queueOf(j.Target)
	q.jobs = append(q.jobs, j)
	c.execDue = c.execDue || q == &c.exec
	if j.Deadline.Sub(c.now) < nearDeadline {
		c.timers.add(j.Deadline, timer{kind: timerJob, job: j})
	}
}

// waitingSame finds a rule's job that waits for the same target to do the same, and was never handed over, in an earlier session
// either: it will see what this decision is about, so one run serves both. An operator's job is no such: it is given up sooner than a
// rule's.
func (q *queue) waitingSame(j job.Job) *openJob {
	if j.Rule == "" || j.Fun != job.StateApply {
		return nil
	}
	for _, o := range q.jobs {
		if o.Rule != "" && o.Attempt == 0 && (o.stage == ready || o.stage == failing) && o.Same(j) {
			return o
		}
	}
	return nil
}

// merge lets a decision join a job: it lives as long as the decision would have, and no chain of causes grows shorter by it.
func (c *Core) merge(o *openJob, j job.Job) {
	o.Merged++
	if room := event.MaxCauses - len(o.Causes); room > 0 {
		o.Causes = append(slices.Clip(o.Causes), j.Causes[:min(room, len(j.Causes))]...) // other targets of the job share it
	}
	o.Depth = max(o.Depth, j.Depth)
	o.Deadline = j.Deadline
	c.put(o)
}

// put stores the job as it stands. Lazily: what it says can be found out again after a crash.
func (c *Core) put(j *openJob) {
	j.Updated = c.now
	c.emit(PutJob{Job: j.Job})
}

// dispatch hands a target what it can take.
func (c *Core) dispatch(m *minion) {
	if m.session == nil {
		return
	}
	runs := 0 // state runs the minion has, or is about to get; their order is kept
	for _, j := range m.queue.jobs {
		switch {
		case j.stage == ready && c.heldJob(j): // it waits until its minion is no longer paused
		case j.Fun != job.StateApply:
			if j.stage == ready {
				c.hand(m, j)
			}
		case j.stage == compiling:
			runs = maxInflightJobs
		case j.stage == sent:
			runs++
		case j.stage == ready && runs < maxInflightJobs:
			runs = maxInflightJobs
			j.stage = compiling
			c.emit(Compile{Job: j.Job, Grains: c.grains(m.info.ID)})
		}
	}
}

// compiled takes the low state of a job and hands it over, or tries again later: a file in the roots may be half written.
func (c *Core) compiled(in Compiled) {
	j := c.jobs[jobKey{in.JID, in.Target}]
	if j == nil || j.stage != compiling {
		return
	}
	m := c.minion(in.Target)
	switch {
	case in.Err != nil:
		c.compileFailed(j, in.Err)
	case m.session == nil || c.heldJob(j):
		j.stage = ready
	default:
		j.low = in.Low
		if _, err := wire.Encode(j.message(c.now)); err != nil { // or it would end every session it is sent in
			c.bury(j, "compile: "+err.Error())
			break
		}
		c.hand(m, j)
	}
	c.dispatch(m)
}

func (c *Core) compileFailed(j *openJob, err error) {
	j.tries++
	if j.tries >= compileTries || j.By != "" { // an operator waits for the answer
		c.bury(j, "compile: "+err.Error())
		return
	}
	wait := compileWait << (j.tries - 1)
	j.stage = failing
	j.Error = clip(err.Error())
	c.put(j)
	c.timers.add(c.now.Add(wait), timer{kind: timerCompile, job: j})
	c.emit(Log{Warn: true, Text: "state not compiled, will try again", Args: []any{"jid", j.JID, "minion", j.Target, "error", err, "in", wait}})
}

func (c *Core) compileAgain(j *openJob) {
	if j.stage == failing {
		j.stage = ready
		c.dispatch(c.minion(j.Target))
	}
}

// hand sends a job.
func (c *Core) hand(m *minion, j *openJob) {
	s := m.session
	j.stage, j.Status = sent, job.Sent
	j.Attempt = j.attempt()
	j.Error = ""
	c.put(j)
	if j.low != nil {
		for _, l := range j.low.States {
			for _, content := range l.Content {
				s.allow(content.Hash)
			}
		}
	}
	j.sendings++
	c.timers.add(c.now.Add(takenTimeout), timer{kind: timerTaken, conn: s.conn, job: j, sent: j.sendings})
	c.emit(Send{Conn: s.conn, Msg: j.message(c.now)})
}

// attempt is the number under which a job is handed over. Each decision that has joined it counts as one more: the minion may have
// done the job without them, for a log that was lost since and put back from a backup.
func (j *openJob) attempt() int { return min(max(j.Attempt, 1+j.Merged), wire.MaxAttempt) }

func (j *openJob) message(now time.Time) *wire.Job {
	return &wire.Job{
		JID: j.JID, Attempt: j.attempt(), Fun: j.Fun, Test: j.Args.Test, Remaining: max(j.Deadline.Sub(now), 0),
		Rule: j.Rule, Cause: j.New, Depth: j.Depth + 1, Low: j.low, Args: j.Args.Data,
	}
}

// allow lets the session ask for a content.
func (s *session) allow(hash string) {
	if s.content[hash] {
		return
	}
	s.content[hash] = true
	s.order = append(s.order, hash)
	if len(s.order) > maxContent {
		delete(s.content, s.order[0])
		s.order = s.order[1:]
	}
}

func (c *Core) taken(s *session, t *wire.Taken) {
	if j := c.jobs[jobKey{t.JID, s.id}]; j != nil && j.stage == sent {
		j.sendings = 0 // the timer of the last sending no longer holds
		j.low = nil
	}
}

// notTaken sends a job again that the same session has not taken: its queue was full, or the message is lost.
func (c *Core) notTaken(t timer) {
	j := t.job
	s := c.sessions[t.conn]
	if s == nil || s.minion == nil || s.minion.session != s || j.stage != sent || j.sendings != t.sent || !c.now.Before(j.Deadline) {
		return
	}
	c.hand(s.minion, j)
}

// result takes what came of a job. A result that belongs to no open job is an event like any other.
func (c *Core) result(s *session, e *event.Event) {
	var r job.Result
	jid, _, _ := strings.Cut(e.Tag[len(jobTag):], "/")
	j := c.jobs[jobKey{jid, s.id}]
	if j == nil {
		return
	}
	if err := e.Data.Decode(&r); err != nil || r.JID != jid {
		r = job.Result{JID: jid, Attempt: j.Attempt, Error: "the minion's result cannot be read"}
	}
	if r.Attempt < j.Attempt {
		return // of an attempt that counts no more
	}
	c.finish(j, r, e.ID)
	c.dispatch(s.minion)
}

func (c *Core) finish(j *openJob, r job.Result, ret event.ID) {
	j.Status, j.Ret, j.Error = job.Succeeded, ret, r.Error
	if !r.OK {
		j.Status = job.Failed
	}
	c.close(j)
}

// close stores a job in its final status and takes it out.
func (c *Core) close(j *openJob) {
	c.put(j)
	c.queueOf(j.Target).remove(j)
	c.execDue = c.execDue || j.Target == event.Master
	delete(c.jobs, jobKey{j.JID, j.Target})
	j.stage, j.low = closed, nil
}

// deadData is the data of brine/reactor/<rule>/dead.
type deadData struct {
	JID    string `json:"jid"`
	Target string `json:"target"`
	Fun    string `json:"fun"`
	Error  string `json:"error"`
	Tries  int    `json:"tries"`
}

// bury ends a job that cannot be carried out, and says so.
func (c *Core) bury(j *openJob, why string) {
	j.Status, j.Error = job.Dead, why
	c.close(j)
	c.tellLost(j, "dead")
}

func (c *Core) jobExpired(j *openJob) {
	if j.stage == closed || c.now.Before(j.Deadline) { // a merged one lives longer than its timer
		return
	}
	if m := c.minions[j.Target]; m != nil && m.session != nil && j.stage == sent {
		c.emit(Send{Conn: m.session.conn, Msg: &wire.Cancel{JID: j.JID}})
	}
	why := "the minion was away"
	if c.Online(j.Target) || j.Target == event.Master {
		why = "no result came"
	}
	j.Status, j.Error = job.Expired, fmt.Sprintf("its deadline passed: %s", why)
	c.close(j)
	c.tellLost(j, "expired")
	if m := c.minions[j.Target]; m != nil {
		c.dispatch(m)
	}
}

// tellLost fires the event of a job that ends without a result.
func (c *Core) tellLost(j *openJob, kind string) {
	tag := jobTag + j.JID + "/" + kind + "/" + j.Target
	if j.Rule != "" && kind == "dead" {
		tag = "brine/reactor/" + j.Rule + "/dead"
	}
	c.own(ownEvent{tag: tag, causes: []event.ID{j.New}, depth: j.Depth + 1, data: deadData{
		JID: j.JID, Target: j.Target, Fun: j.Fun, Error: j.Error, Tries: max(j.tries, j.Attempt)}})
}

func (c *Core) sweep() {
	var late []*openJob
	for _, j := range c.jobs {
		if !c.now.Before(j.Deadline) {
			late = append(late, j)
		}
	}
	slices.SortFunc(late, func(a, b *openJob) int {
		return cmp.Or(cmp.Compare(a.JID, b.JID), cmp.Compare(a.Target, b.Target)) // maps have no order
	})
	for _, j := range late {
		c.jobExpired(j)
	}
	if c.sweeping = len(c.jobs) > 0; c.sweeping {
		c.timers.add(c.now.Add(sweepEvery), timer{kind: timerSweep})
	}
}
