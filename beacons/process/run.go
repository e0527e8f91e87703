package process

import (
	"context"
	"errors"
	"maps"
	"math"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"brine/beacons"
	"brine/internal/linux"
)

// Bounds of what is told and read.
const (
	maxTold    = 200         // events of one watch within an interval, one by one
	maxCmdline = 256         // bytes
	netEvery   = time.Minute // /proc is looked at so often, though the kernel tells what happens
	patience   = 2           // looks without a process, though the kernel did not tell of its end, until it is taken for ended
)

type beacon struct {
	env     beacons.Env
	names   []string
	watches []Watch

	mu     sync.Mutex // what the kernel's events and the looks change
	table  *table
	users  map[int]string
	queue  []beacons.Signal
	told   []int64 // within the interval, by watch
	lost   int64
	looked time.Time
	heeded bool // the kernel tells

	out     sync.Mutex // what is told
	backlog beacons.Backlog
	limits  *beacons.Limits
	fire    beacons.Fire
	wake    chan struct{}
}

func newBeacon(c *Config, env beacons.Env) *beacon {
	b := &beacon{env: env, names: slices.Sorted(maps.Keys(c.Watches)), wake: make(chan struct{}, 1)}
	for _, name := range b.names {
		b.watches = append(b.watches, c.Watches[name])
	}
	b.told = make([]int64, len(b.names))
	b.table = newTable(b.watches, b.say)
	return b
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	thresholds := map[string]*beacons.Threshold{}
	for i, w := range b.watches {
		thresholds[b.names[i]+"/"+Missing], thresholds[b.names[i]+"/"+TooMany] = w.missing(), w.tooMany()
	}
	b.fire = fire
	if b.limits, err = beacons.NewLimits(b.env, fire, thresholds); err != nil {
		return err
	}
	stop := b.listen(ctx)
	defer stop()
	return b.env.Every(ctx, func(now time.Time) error {
		if err := b.tick(now); err != nil {
			return err
		}
		b.tell(ctx, now)
		return nil
	})
}

// listen takes in what the kernel tells, where it does.
func (b *beacon) listen(ctx context.Context) (stop func()) {
	none := func() {}
	if b.env.Path("/") != "/" {
		return none // the processes below another root are none of this kernel's
	}
	events, err := linux.OpenProcEvents()
	if err != nil {
		b.env.Log.Debug("processes are not told by the kernel: what is there is compared once an interval, exit codes are not known", "reason", err)
		return none
	}
	b.heeded = true
	var both sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	both.Go(func() { b.hear(ctx, events) })
	both.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-b.wake:
				b.tell(ctx, b.env.Now())
			}
		}
	})
	return func() { cancel(); both.Wait(); events.Close() }
}

// hear reads events until ctx ends. What a process runs is read at once: the next moment it may have ended.
func (b *beacon) hear(ctx context.Context, events *linux.ProcEvents) {
	for {
		e, lost, err := events.Read(ctx)
		if err != nil {
			if ctx.Err() == nil {
				b.env.Log.Warn("the kernel no longer tells of processes: what is there is compared once an interval", "err", err)
				b.mu.Lock()
				b.heeded = false
				b.mu.Unlock()
			}
			return
		}
		b.mu.Lock()
		if lost {
			b.lost++
			b.looked = time.Time{} // at the next interval
		} else {
			b.take(e, b.env.Now())
		}
		b.mu.Unlock()
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

func (b *beacon) take(e linux.ProcEvent, now time.Time) {
	switch e.Kind {
	case linux.ProcFork:
		b.table.forked(e.Parent, e.PID, now)
	case linux.ProcExit:
		b.table.exited(e.PID, end{true, e})
	case linux.ProcExec, linux.ProcUID:
		proc, err := linux.OpenProc(b.env.Root)
		if err != nil {
			return
		}
		if p := b.table.byPID[e.PID]; p != nil && e.Kind == linux.ProcUID {
			if is, err := proc.Process(e.PID); err == nil {
				p.uid, p.user = is.UID, b.user(is.UID)
				b.table.changed(p)
			}
		} else if e.Kind == linux.ProcExec {
			b.table.executed(b.read(proc, e.PID, now))
		}
	}
}

// read finds out all of a process that has just executed a program. What goes with its end is read first: its number, its name and who it
// came from are there until its parent has asked for its exit code.
func (b *beacon) read(proc linux.Proc, pid int, began time.Time) *process {
	p := &process{pid: pid, uid: -1, began: began, exe: proc.Exe(pid), cmdline: proc.Cmdline(pid, maxCmdline)}
	had := b.table.byPID[pid]
	if is, err := proc.Process(pid); err == nil {
		b.fill(p, is)
		// It has ended meanwhile, and is not yet asked for its exit code: then only a look before this event has seen what it ran.
		if had != nil && p.exe == "" && p.cmdline == "" && had.comm == p.comm && had.start == p.start {
			p.exe, p.cmdline = had.exe, had.cmdline
		}
		return p
	}
	if had != nil { // what stays over an execution
		p.ppid, p.uid, p.user, p.parentName = had.ppid, had.uid, had.user, had.parentName
	}
	if p.exe != "" {
		p.comm = path.Base(p.exe)
	}
	return p
}

func (b *beacon) fill(p *process, is linux.Process) {
	p.ppid, p.uid, p.start, p.comm, p.user = is.PPID, is.UID, is.Start, is.Comm, b.user(is.UID)
	if parent := b.table.byPID[is.PPID]; parent != nil {
		p.parentName = parent.comm
	}
}

func (b *beacon) user(uid int) string {
	name, had := b.users[uid]
	if !had {
		b.users = linux.Users(b.env.Root)
		name = b.users[uid]
		b.users[uid] = name // though it be none, so that it is not looked for again
	}
	return name
}

// tick looks at /proc where that is due, and begins a new interval.
func (b *beacon) tick(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, n := range b.told {
		if more := n - maxTold; more > 0 {
			b.queue = append(b.queue, beacons.Signal{Tag: b.names[i] + "/" + More, Time: now, Data: Data{Watch: b.names[i], Change: More, Count: more}})
		}
		b.told[i] = 0
	}
	if b.heeded && !b.looked.IsZero() && (now.Sub(b.looked) < netEvery || !slices.ContainsFunc(b.watches, Watch.counts)) {
		return nil
	}
	if err := b.look(now); err != nil && !errors.Is(err, linux.ErrAbsent) {
		return err
	}
	return nil
}

// look compares what is there with what is known. Where the kernel does not tell, what is new has begun, and what is gone has ended.
func (b *beacon) look(now time.Time) error {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return err
	}
	list, err := proc.Processes()
	if err != nil {
		return err
	}
	first := b.looked.IsZero() && len(b.table.byPID) == 0
	b.looked, b.users = now, nil
	uptime, _ := proc.Uptime()
	there := make(map[int]bool, len(list))
	for _, is := range list {
		if is.State == "Z" || is.State == "X" {
			continue
		}
		there[is.PID] = true
		p := b.table.byPID[is.PID]
		if p != nil && (p.start == is.Start || p.start == 0 && b.heeded) && p.comm == is.Comm {
			p.missed, p.start, p.ppid = 0, is.Start, is.PPID
			if p.uid != is.UID {
				p.uid, p.user = is.UID, b.user(is.UID)
				b.table.changed(p)
			}
			continue
		}
		if p != nil && p.start != is.Start && !b.heeded {
			b.table.exited(p.pid, end{})
		}
		p = &process{pid: is.PID, began: now.Add(-max(0, uptime-is.Age())).Round(10 * time.Millisecond),
			exe: proc.Exe(is.PID), cmdline: proc.Cmdline(is.PID, maxCmdline)}
		b.fill(p, is)
		if of := b.table.byPID[is.PPID]; of != nil {
			p.parent = of
			p.forked = p.exe == of.exe && p.cmdline == of.cmdline
		}
		if first || b.heeded {
			b.table.put(p)
		} else {
			b.table.executed(p)
		}
	}
	for _, pid := range slices.Sorted(maps.Keys(b.table.byPID)) {
		if there[pid] {
			continue
		}
		if p := b.table.byPID[pid]; b.heeded && p.missed+1 < patience {
			p.missed++ // the kernel is about to tell, with its exit code
			continue
		}
		b.table.exited(pid, end{})
	}
	return nil
}

// say queues what is told of one process.
func (b *beacon) say(watch int, change string, p *process, e *end) {
	if b.told[watch]++; b.told[watch] > maxTold {
		return
	}
	now := b.env.Now()
	d := Data{Watch: b.names[watch], Change: change, PID: int64(p.pid), PPID: int64(p.ppid), Name: p.comm, Exe: p.exe, Cmdline: p.cmdline, User: p.user,
		Parent: p.parentName, Forked: p.forked, Began: p.began}
	if p.uid >= 0 {
		uid := int64(p.uid)
		d.UID = &uid
	}
	if e != nil {
		d.RunTime = math.Round(max(0, now.Sub(p.began).Seconds())*1000) / 1000
		if s := e.Signal(); e.known && s != 0 {
			d.Signal, d.Core = unix.SignalName(s), e.Core()
		} else if e.known {
			code := int64(e.ExitCode())
			d.ExitCode = &code
		}
	}
	b.queue = append(b.queue, beacons.Signal{Tag: d.Watch + "/" + change, Time: now, Data: d})
}

// tell fires what waits, and compares the counts with the limits.
func (b *beacon) tell(ctx context.Context, now time.Time) {
	b.out.Lock()
	defer b.out.Unlock()
	b.mu.Lock()
	queue, lost, count, ready := b.queue, b.lost, slices.Clone(b.table.count), !b.looked.IsZero() || b.lost > 0
	b.queue, b.lost = nil, 0
	b.mu.Unlock()
	for _, s := range queue {
		b.backlog.Put(s)
	}
	gap := func(n int64) beacons.Signal {
		return beacons.Signal{Tag: Lost, Time: now, Data: Data{Change: Lost, Count: n}}
	}
	if lost > 0 {
		b.backlog.Put(gap(lost))
	}
	b.backlog.Flush(ctx, b.fire, gap)
	if !ready {
		return
	}
	for i, w := range b.watches {
		for change, t := range map[string]*beacons.Threshold{Missing: w.missing(), TooMany: w.tooMany()} {
			b.limits.Step(ctx, b.names[i]+"/"+change, "", now, float64(count[i]), func(r beacons.Reading) any {
				return Data{Watch: b.names[i], Change: change, State: r.State(), Count: int64(r.Value), Threshold: t.Limit(), Since: r.Since, Worst: r.Worst, Lasted: r.Lasted()}
			})
		}
	}
}
