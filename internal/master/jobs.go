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
	sendings int // to the current session
	low      *job.LowState
	named    []*job.HashSet // with low: what its manifests name
	result   *job.Result    // the last one

	interrupted bool   // it was running when the master ended
	by          string // who cancelled it
}

// stage is where an open job stands in memory. After a restart, and when a session ends, it is ready again.
type stage int

const (
	ready     stage = iota
	compiling       // Compile is out
	failing         // the last try has failed, and it will be tried again
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
		j.sendings, j.low, j.named = 0, nil, nil
	}
}

func (c *Core) queueOf(j *job.Job) *queue {
	if j.Target == event.Master {
		return &c.exec.of(j.Rule).queue
	}
	return &c.minion(j.Target).queue
}

// admit puts an open job into its queue.
func (c *Core) admit(j *openJob) {
	if !c.sweeping {
		c.sweeping = true
		c.timers.add(c.now.Add(sweepEvery), timer{kind: timerSweep})
	}
	c.jobs[jobKey{j.JID, j.Target}] = j
	j.Status = job.Waiting
	q := c.queueOf(&j.Job)
	q.jobs = append(q.jobs, j)
	c.exec.due = c.exec.due || j.Target == event.Master
	if j.Next.After(c.now) {
		j.stage = failing
		c.timers.add(j.Next, timer{kind: timerRetry, job: j})
	}
	if j.Deadline.Sub(c.now) < nearDeadline {
		c.timers.add(j.Deadline, timer{kind: timerJob, job: j})
	}
}

// waitingSame finds a rule's job that waits for the same target to do the same, and of which no attempt is under way: it will see what
// this decision is about, so one run serves both. An operator's job is no such: it is given up sooner than a rule's.
func (q *queue) waitingSame(j job.Job) *openJob {
	if j.Rule == "" || !j.Compiled() {
		return nil
	}
	for _, o := range q.jobs {
		untouched := o.stage == failing || o.stage == ready && o.Attempt == 0 // in an earlier session either
		if o.Rule != "" && untouched && o.Same(j) && o.Retries() == j.Retries() && o.Ignore == j.Ignore &&
			len(o.Runs)+len(j.Runs) <= maxJobRuns {
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
	o.Runs = append(slices.Clip(o.Runs), j.Runs...)
	c.put(o)
}

// put stores the job as it stands. Lazily: what it says can be found out again after a crash.
func (c *Core) put(j *openJob) {
	j.Updated = c.now
	c.emit(PutJob{Job: j.Job, Sync: j.Fragile})
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
		case !j.Compiled():
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
		j.low, j.named = in.Low, in.Named
		if _, err := wire.Encode(j.message(c.now)); err != nil { // or it would end every session it is sent in
			c.bury(j, "compile: "+err.Error())
			break
		}
		c.hand(m, j)
	}
	c.dispatch(m)
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
		s.allowNamed(j.named)
	}
	j.sendings++
	c.timers.add(c.now.Add(takenTimeout), timer{kind: timerTaken, conn: s.conn, job: j, sent: j.sendings})
	c.emit(Send{Conn: s.conn, Msg: j.message(c.now)})
}

// attempt is the number under which a job is handed over. Each decision that has joined it counts as one more: the minion may have
// done the job without them, for a log that was lost since and put back from a backup.
func (j *openJob) attempt() int { return min(max(j.Attempt, 1+j.Merged), wire.MaxAttempt) }

func (j *openJob) message(now time.Time) *wire.Job {
	remaining := max(j.Deadline.Sub(now), 0)
	if j.Args.Timeout > 0 {
		remaining = min(remaining, j.Args.Timeout)
	}
	return &wire.Job{
		JID: j.JID, Attempt: j.attempt(), Fun: j.Fun, Test: j.Args.Test, Remaining: remaining,
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

// allowNamed lets the session ask for what manifests name that it was handed.
func (s *session) allowNamed(sets []*job.HashSet) {
	for _, set := range sets {
		s.named = slices.DeleteFunc(s.named, func(o *job.HashSet) bool { return o.Manifest == set.Manifest })
		if s.named = append(s.named, set); len(s.named) > maxNamed {
			s.named = slices.Delete(s.named, 0, 1)
		}
	}
}

// mayGet reports whether a job of this session names a content, by itself or by a manifest.
func (s *session) mayGet(hash string) bool {
	return s.content[hash] || slices.ContainsFunc(s.named, func(set *job.HashSet) bool { return set.Has(hash) })
}

func (c *Core) taken(s *session, t *wire.Taken) {
	if j := c.jobs[jobKey{t.JID, s.id}]; j != nil && j.stage == sent {
		j.sendings = 0 // the timer of the last sending no longer holds
		j.low, j.named = nil, nil
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
	j.Ret, j.Error = ret, ""
	if len(j.Runs) > 0 { // nobody else asks, and it may be long
		j.result = &r
	}
	switch {
	case r.OK:
		j.Status = job.Succeeded
		c.close(j, "")
	case j.Rule == "": // an operator waits for the answer
		j.Status, j.Error = job.Failed, r.Error
		c.close(j, "")
	default:
		c.attemptFailed(j, r.Error, r.Final || r.Refused && j.Args.Timeout == 0) // with a timeout it may have had to wait for too long
	}
}

// close stores a job in its final status and takes it out. An end without a good result is told as kind says; empty for none.
func (c *Core) close(j *openJob, kind string) {
	j.Next = time.Time{}
	c.put(j)
	c.leave(j)
	c.queueOf(&j.Job).remove(j)
	delete(c.jobs, jobKey{j.JID, j.Target})
	j.stage, j.low, j.named = closed, nil, nil
	if j.Target == event.Master {
		c.exec.tidy(j.Rule)
	}
	if kind != "" {
		c.tellLost(j, kind)
	}
	for _, id := range j.Runs {
		c.targetDone(id, j)
	}
}

// deadData is the data of brine/reactor/<rule>/dead.
type deadData struct {
	JID    string `json:"jid"`
	Target string `json:"target"`
	Fun    string `json:"fun"`
	Error  string `json:"error"`
	Tries  int    `json:"tries"`
	Rule   string `json:"rule,omitempty"`
	Step   int    `json:"step"`
	Event  string `json:"event,omitempty"` // what the rule had decided about
	By     string `json:"by,omitempty"`    // who cancelled it
}

// bury ends a job that cannot be carried out, and says so.
func (c *Core) bury(j *openJob, why string) {
	j.Status, j.Error = job.Dead, why
	c.close(j, "dead")
}

func (c *Core) jobExpired(j *openJob) {
	if j.stage == closed || c.now.Before(j.Deadline) { // a merged one lives longer than its timer
		return
	}
	c.withdraw(j)
	why := "the minion was away"
	if c.Online(j.Target) || j.Target == event.Master {
		why = "no result came"
	}
	j.Status, j.Error = job.Expired, fmt.Sprintf("its deadline passed: %s", why)
	c.close(j, "expired")
	if m := c.minions[j.Target]; m != nil {
		c.dispatch(m)
	}
}

// withdraw takes back what is under way.
func (c *Core) withdraw(j *openJob) {
	if j.stage != sent {
		return
	}
	if m := c.minions[j.Target]; m != nil && m.session != nil {
		c.emit(Send{Conn: m.session.conn, Msg: &wire.Cancel{JID: j.JID}})
	} else if j.Target == event.Master {
		c.emit(Abort{JID: j.JID})
	}
}

// tellLost fires the event of a job that comes to no good end.
func (c *Core) tellLost(j *openJob, kind string) {
	tag := jobTag + j.JID + "/" + kind + "/" + j.Target
	if j.Rule != "" && kind == "dead" {
		tag = "brine/reactor/" + j.Rule + "/dead"
	}
	d := deadData{JID: j.JID, Target: j.Target, Fun: j.Fun, Error: j.Error, Tries: max(j.Tries, j.Attempt), Rule: j.Rule, Step: j.Step, By: j.by}
	if len(j.Causes) > 0 {
		d.Event = j.Causes[0].String()
	}
	c.own(ownEvent{tag: tag, by: j.by, causes: []event.ID{j.New}, depth: j.Depth + 1, data: d})
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
