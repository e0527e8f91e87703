package watch

import (
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// execLooks are the times after a program was opened for execution at which it is looked whether it runs: until then /proc shows the
// program before. After the last look it stays unknown until the process does something while it can be read.
func execLooks() [6]time.Duration {
	return [6]time.Duration{150 * time.Microsecond, 400 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond}
}

// maxExecs bounds the programs that are starting at one moment; beyond it they are read only when they change something.
const maxExecs = 256

// pendingExec is a process that is about to run another program.
type pendingExec struct {
	p    *process
	from time.Time
	look int
}

// take takes in what one read gave, and says whether that told of anybody new.
func (a *actors) take(b []byte) (learnt bool) {
	a.learnt = false
	me := self()
	err := parseFanEvents(b, func(e fanEvent) {
		if e.pidfd >= 0 {
			defer unix.Close(int(e.pidfd))
		}
		if e.mask&unix.FAN_Q_OVERFLOW != 0 {
			a.fan.log.Debug("events of who changes files were lost")
			return
		}
		a.event(e, e.pid == me)
	})
	if err != nil {
		a.fan.log.Warn("who changed a file may be unknown", "error", err)
	}
	for _, p := range a.fresh { // after all others have been read, which may be about to end
		a.ancestors(p)
	}
	a.fresh = a.fresh[:0]
	a.packages()
	a.mu.Lock()
	close(a.progress)
	a.progress = make(chan struct{})
	a.mu.Unlock()
	return a.learnt
}

// event reads who it is, as long as that can be read, and notes what was done. own: it was this process, which is nobody.
func (a *actors) event(e fanEvent, own bool) {
	const wrote = fanFull &^ (unix.FAN_OPEN | unix.FAN_ONDIR | unix.FAN_EVENT_ON_CHILD)
	if e.mask&unix.FAN_OPEN_EXEC != 0 && !own {
		if a.exec(e); e.mask&wrote == 0 {
			return // its FAN_OPEN is that of the program: it does not run yet
		}
	}
	path := a.pathOf(e)
	if path == "" || own && e.mask&wrote == 0 {
		return
	}
	var p *process
	if !own {
		p = a.process(e, e.mask&wrote != 0)
	}
	if d, ok := deedOf(e, p); ok {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.add(path, d)
		if p != nil {
			a.unnamed = append(a.unnamed, namedDeed{path, p, d.weight})
		}
	}
}

// namedDeed is a deed of a path's.
type namedDeed struct {
	path   string
	who    *process
	weight weight
}

// packages asks dpkg's own notes which package it works on, for what it has just done and no command line tells.
func (a *actors) packages() {
	asked := map[string]string{} // within so short a time it is the same
	for _, u := range a.unnamed {
		if u.who.admin == "" || u.who.pkg != "" {
			continue
		}
		pkg, known := asked[u.who.admin]
		if !known {
			pkg = dpkgAt(a.proc + u.who.admin)
			asked[u.who.admin] = pkg
		}
		a.inNameOf(u, pkg)
	}
	a.unnamed = a.unnamed[:0]
}

// inNameOf notes the package of a deed.
func (a *actors) inNameOf(u namedDeed, pkg string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	deeds, _ := a.deeds.get(u.path)
	for i, d := range deeds {
		if d.who == u.who && d.weight == u.weight {
			deeds[i].pkg = pkg
		}
	}
}

// pathOf is where it happened; empty: nowhere that is watched.
func (a *actors) pathOf(e fanEvent) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.places[e.dir]
	switch {
	case at == nil:
		return ""
	case e.name == "." || e.name == "":
		return at.name
	case at.full || at.names[e.name]:
		return join(at.name, e.name)
	}
	return ""
}

// deedOf says what was done; false: nothing.
func deedOf(e fanEvent, p *process) (deed, bool) {
	d := deed{at: time.Now(), who: p}
	const names = unix.FAN_CREATE | unix.FAN_DELETE | unix.FAN_MOVED_FROM | unix.FAN_MOVED_TO
	switch {
	case e.mask&(unix.FAN_MODIFY|names) != 0:
		d.weight = changed
	case e.mask&unix.FAN_ATTRIB != 0:
		d.weight = touched
	case e.mask&unix.FAN_CLOSE_WRITE != 0:
		d.weight = closed
	default:
		return d, false
	}
	// A folder that is made says nothing of what is made in it.
	d.named = e.mask&names&^unix.FAN_CREATE != 0 || e.mask&unix.FAN_CREATE != 0 && e.mask&unix.FAN_ONDIR == 0
	return d, true
}

// process finds out who it is: from /proc as long as it lives, else from what was read of it before. nil: not known.
func (a *actors) process(e fanEvent, wrote bool) *process {
	now := time.Now()
	a.mu.Lock()
	old, _ := a.procs.get(e.pid)
	if old != nil && now.Sub(old.read) > procAge && e.pidfd < 0 {
		old = nil
	}
	fresh := old != nil && !old.execing && now.Sub(old.read) < procFresh
	mayRead := e.pid > 0 && e.pidfd >= 0 && !fresh && (wrote || a.budget(now))
	a.mu.Unlock()
	if !mayRead {
		return old
	}
	p, err := readProcess(a.proc, e.pid)
	if err != nil {
		return old
	}
	if old != nil && old.start != p.start {
		old = nil // its number has been given to another
	}
	if old != nil && (p.exe == nil || p.cmdline == nil && equal(p.exe, old.exe)) {
		return old // it has ended, and nobody has waited for it yet
	}
	return a.keep(p, old)
}

// keep remembers a reading; of the same program the one that is remembered already, and its ancestors, stay.
func (a *actors) keep(p, old *process) *process {
	if old != nil && old.same(p) {
		a.mu.Lock()
		old.read, old.execing = p.read, false
		a.mu.Unlock()
		return old
	}
	a.learnt = true
	if old != nil && old.ppid == p.ppid && old.start == p.start && old.manager == "" {
		p.recognise(p.pid, p.exe, p.cmdline)
		p.parents = old.parents
	} else {
		a.fresh = append(a.fresh, p)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.procs.set(p.pid, p)
	return p
}

// budget says whether /proc may be read though nothing changed. a.mu is held.
func (a *actors) budget(now time.Time) bool {
	if s := now.Unix(); s != a.second {
		a.second, a.reads = s, 0
	}
	a.reads++
	return a.reads <= maxReads
}

// ancestors completes a process.
func (a *actors) ancestors(p *process) {
	with := *p
	with.ancestors(a.proc)
	a.mu.Lock()
	defer a.mu.Unlock()
	p.parents, p.manager, p.pkg, p.admin = with.parents, with.manager, with.pkg, with.admin
}

// exec remembers a process that is about to run another program, and plans when to look at that.
func (a *actors) exec(e fanEvent) {
	now := time.Now()
	a.mu.Lock()
	for _, x := range a.execs {
		if x.p.pid == e.pid {
			a.mu.Unlock()
			return // the program's interpreter
		}
	}
	may := e.pid > 0 && e.pidfd >= 0 && len(a.execs) < maxExecs && a.budget(now)
	a.mu.Unlock()
	if !may {
		return
	}
	p, err := readProcess(a.proc, e.pid)
	if err != nil {
		return
	}
	a.learnt = true
	p.execing = !runs(a.proc, p, e.name)
	a.fresh = append(a.fresh, p)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.procs.set(e.pid, p)
	if p.execing {
		a.execs = append(a.execs, pendingExec{p: p, from: now})
	}
}

// runs reports whether a process surely runs the program called name already: it is another than its parent's, and has its arguments.
func runs(root string, p *process, name string) bool {
	if p.exe == nil || p.cmdline == nil || filepath.Base(*p.exe) != name {
		return false
	}
	d, err := openProc(root, p.ppid)
	if err != nil {
		return false
	}
	defer d.close()
	exe, _ := d.program(make([]byte, maxProcFile))
	return exe != nil && *exe != *p.exe
}

// starting looks at the programs that are starting, and returns when it wants to be called again; 0: none is.
func (a *actors) starting() time.Duration {
	a.mu.Lock()
	execs := a.execs
	a.mu.Unlock()
	if len(execs) == 0 {
		return 0
	}
	looks, now := execLooks(), time.Now()
	var left []pendingExec
	next := time.Duration(0)
	for _, x := range execs {
		if wait := x.from.Add(looks[x.look]).Sub(now); wait <= 0 {
			if x.look++; a.started(x.p) || x.look == len(looks) {
				continue
			}
		}
		wait := max(time.Until(x.from.Add(looks[x.look])), time.Microsecond)
		if next == 0 || wait < next {
			next = wait
		}
		left = append(left, x)
	}
	a.mu.Lock()
	a.execs = left
	a.mu.Unlock()
	return next
}

// started reports whether nothing more is to be learnt of a starting program.
func (a *actors) started(p *process) bool {
	a.mu.Lock()
	current, _ := a.procs.get(p.pid)
	over := current != p || !p.execing
	a.mu.Unlock()
	if over {
		return true
	}
	now, err := readProcess(a.proc, p.pid)
	if err != nil || now.start != p.start {
		return true // it has gone
	}
	if now.exe == nil {
		return true // it has ended
	}
	if now.cmdline == nil || equal(now.exe, p.exe) && equal(now.cmdline, p.cmdline) {
		return false // the arguments come last
	}
	now.recognise(now.pid, now.exe, now.cmdline)
	a.mu.Lock()
	defer a.mu.Unlock()
	p.exe, p.cmdline, p.uid, p.read, p.execing = now.exe, now.cmdline, now.uid, now.read, false
	if now.manager != "" {
		p.manager, p.pkg, p.admin = now.manager, now.pkg, now.admin
	}
	return true
}
