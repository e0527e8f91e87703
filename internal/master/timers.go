package master

import (
	"container/heap"
	"time"
)

// timers are the core's deadlines, soonest first. One that no longer holds when it is due is passed over, so that nothing
// needs to be taken out.
type timers struct{ h timerHeap }

type timerKind int

const (
	timerHello   timerKind = iota // conn has not greeted
	timerTaken                    // job has not been taken
	timerJob                      // job has passed its deadline, if that was near when it came
	timerSweep                    // look at the deadlines of all open jobs
	timerRetry                    // job is to be tried once more
	timerApprove                  // run waits for an approval no longer
)

type timer struct {
	at   time.Time
	kind timerKind
	conn uint64
	job  *openJob
	sent int      // timerTaken: which sending of the job
	run  *openRun // timerApprove
}

func (t *timers) add(at time.Time, tm timer) {
	tm.at = at
	heap.Push(&t.h, tm)
}

func (t *timers) next() time.Time {
	if len(t.h) == 0 {
		return time.Time{}
	}
	return t.h[0].at
}

func (t *timers) pop(now time.Time) (timer, bool) {
	if len(t.h) == 0 || now.Before(t.h[0].at) {
		return timer{}, false
	}
	return heap.Pop(&t.h).(timer), true
}

type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	old[n] = timer{}
	*h = old[:n]
	return x
}

// expire does what time has made due.
func (c *Core) expire() {
	for {
		t, ok := c.timers.pop(c.now)
		if !ok {
			break
		}
		switch t.kind {
		case timerHello:
			if s := c.sessions[t.conn]; s != nil && s.minion == nil {
				c.hangup(s, "no greeting came", "")
			}
		case timerTaken:
			c.notTaken(t)
		case timerJob:
			c.jobExpired(t.job)
		case timerSweep:
			c.sweep()
		case timerRetry:
			c.tryAgain(t.job)
		case timerApprove:
			c.approvalOver(t.run, t.at)
		}
	}
	c.expireHolds()
	c.endGuards()
	for _, d := range c.opt.Reactor.Due(c.clock) {
		tag, data := d.Event()
		c.own(ownEvent{tag: tag, data: data, causes: d.Causes, depth: d.Depth})
	}
}
