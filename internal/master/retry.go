package master

import (
	"fmt"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/wire"
)

// maxInterrupted is how often what the master was running when it ended is begun again: more than that, and it may be what ends it.
const maxInterrupted = 10

// compileFailed deals with a state that does not compile: a file in the roots may be half written.
func (c *Core) compileFailed(j *openJob, err error) {
	if j.Rule == "" { // an operator waits for the answer
		c.bury(j, "compile: "+err.Error())
		return
	}
	c.emit(Log{Warn: true, Text: "state not compiled", Args: []any{"jid", j.JID, "minion", j.Target, "error", err}})
	c.attemptFailed(j, "compile: "+err.Error(), false)
}

// attemptFailed deals with a try that came to nothing: there is another one later, or the job is given up. The wait is known to the
// log, so that a restart neither shortens nor prolongs it.
func (c *Core) attemptFailed(j *openJob, why string, final bool) {
	j.Tries++
	retry := j.Retries()
	next := c.now.Add(retry.Wait(j.JID, j.Target, j.Tries))
	switch {
	case final || j.Tries >= retry.Attempts:
		c.giveUp(j, why)
		return
	case !next.Before(j.Deadline):
		c.giveUp(j, fmt.Sprintf("%s (there was no time for another try before its deadline)", why))
		return
	}
	c.leave(j)
	if j.stage == sent && j.Target != event.Master {
		j.Attempt = min(j.Attempt+1, wire.MaxAttempt) // the minion has done with this one
	}
	j.stage, j.Status, j.Error, j.Next, j.low, j.sendings = failing, job.Waiting, clip(why), next, nil, 0
	c.put(j)
	c.timers.add(next, timer{kind: timerRetry, job: j})
}

// giveUp makes a dead letter of a job, unless its step says that it may fail.
func (c *Core) giveUp(j *openJob, why string) {
	if !j.Ignore {
		c.bury(j, why)
		return
	}
	j.Status, j.Error = job.Failed, why
	c.close(j, "")
}

// tryAgain is called when the wait is over.
func (c *Core) tryAgain(j *openJob) {
	if j.stage != failing || c.now.Before(j.Next) {
		return
	}
	j.stage, j.Next = ready, time.Time{}
	if j.Target == event.Master {
		c.exec.due = true
	} else {
		c.dispatch(c.minion(j.Target))
	}
}
