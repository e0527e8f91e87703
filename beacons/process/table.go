package process

import (
	"time"

	"golang.org/x/sys/unix"

	"brine/internal/linux"
)

// maxTracked bounds the processes that are remembered; those past it are not told of, nor counted.
const maxTracked = 1 << 17

// process is a process that runs.
type process struct {
	pid, ppid, uid     int // uid -1: not known
	start              uint64
	comm, exe, cmdline string
	user, parentName   string
	began              time.Time
	forked             bool // it executed nothing of its own
	parent             *process
	ended              bool
	in                 uint64 // the watches that mean it, one bit each
	missed             int    // looks in a row that did not find it
}

// table is what runs, as far as it is known. It holds no clock and reads nothing: what the kernel says and what was read of /proc go in,
// what is to be told comes out through tell.
type table struct {
	watches []Watch
	byPID   map[int]*process
	count   []int // processes that each watch means
	tell    func(watch int, change string, p *process, end *end)
}

// end is how a process ended.
type end struct {
	known bool
	linux.ProcEvent
}

func newTable(watches []Watch, tell func(int, string, *process, *end)) *table {
	return &table{watches: watches, byPID: map[int]*process{}, count: make([]int, len(watches)), tell: tell}
}

// put remembers a process, in the place of what had its number.
func (t *table) put(p *process) {
	t.drop(p.pid)
	if len(t.byPID) >= maxTracked {
		return
	}
	t.byPID[p.pid] = p
	t.match(p)
}

// match finds out which watches mean a process, and gives those that did not before.
func (t *table) match(p *process) (more uint64) {
	var in uint64
	for i, w := range t.watches {
		if w.meant(p) {
			in |= 1 << i
		}
		t.count[i] += int(in>>i&1) - int(p.in>>i&1)
	}
	more, p.in = in&^p.in, in
	return more
}

// drop forgets a process.
func (t *table) drop(pid int) *process {
	p := t.byPID[pid]
	if p == nil {
		return nil
	}
	delete(t.byPID, pid)
	for i := range t.watches {
		t.count[i] -= int(p.in >> i & 1)
	}
	p.ended = true
	return p
}

// forked takes in a child that is as its parent.
func (t *table) forked(parent, child int, now time.Time) {
	of := t.byPID[parent]
	if of == nil {
		return
	}
	p := *of
	p.pid, p.ppid, p.parent, p.parentName = child, parent, of, of.comm
	p.began, p.forked, p.in, p.start, p.missed, p.ended = now, true, 0, 0, 0, false
	if of.parent != nil && of.parent.ended {
		of.parent = nil // or a chain of what has ended grows without end
	}
	t.put(&p)
	t.begun(&p, p.in)
}

// executed takes in a process with the program that it now runs.
func (t *table) executed(p *process) {
	t.put(p)
	t.begun(p, p.in)
}

// changed looks again at a process that has another user.
func (t *table) changed(p *process) { t.begun(p, t.match(p)) }

func (t *table) begun(p *process, in uint64) {
	for i, w := range t.watches {
		if in>>i&1 == 1 && w.tells(Started) && (!p.forked || w.Forks) {
			t.tell(i, Started, p, nil)
		}
	}
}

// exited forgets a process and tells how it ended.
func (t *table) exited(pid int, e end) {
	p := t.drop(pid)
	if p == nil {
		return
	}
	for i, w := range t.watches {
		if p.in>>i&1 == 0 {
			continue
		}
		// a child that was left alone stands for the one that it came from: so daemons begin
		own := !p.forked || w.Forks || p.parent != nil && p.parent.ended
		switch {
		case w.tells(Crashed) && e.known && crashes(e.Signal()):
			t.tell(i, Crashed, p, &e)
		case w.tells(Failed) && e.known && e.Status != 0:
			t.tell(i, Failed, p, &e)
		case w.tells(Ended) && own:
			t.tell(i, Ended, p, &e)
		}
	}
}

// crashes reports whether a signal tells of a fault of the process's own.
func crashes(s unix.Signal) bool {
	switch s {
	case unix.SIGSEGV, unix.SIGABRT, unix.SIGBUS, unix.SIGILL, unix.SIGFPE, unix.SIGTRAP, unix.SIGSYS:
		return true
	}
	return false
}
