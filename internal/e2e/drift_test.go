package e2e

import (
	"testing"

	"brine/internal/job"
	"brine/internal/rig"
)

// set is an installation with one managed file for each kind of drift, and the proxy that the minion goes through.
type set struct {
	*world
	proxy *proxy
	m     *rig.Minion
	files []*managed
}

func newSet(t *testing.T) *set {
	t.Helper()
	w := newWorld(t)
	var names []string
	for _, d := range drifts {
		names = append(names, d.name)
	}
	files, config := w.manage(names...)
	w.startMaster()
	s := &set{world: w, proxy: newProxy(t, w.Addr), files: files}
	s.m = w.prepare("web1", config)
	s.proxy.behind(w, s.m)
	w.start(s.m)
	w.must(w.Accept(w.ctx, s.m.ID))
	w.must(w.Online(w.ctx, s.m.ID))
	w.bring(s.m, files...)
	return s
}

// drift lets all files drift, each in its way, and gives the position that the log had before.
func (s *set) drift() uint64 {
	s.t.Helper()
	s.settled(s.m)
	from := s.head()
	s.do()
	return from
}

func (s *set) do() {
	s.t.Helper()
	for i, d := range drifts {
		s.must(d.do(s.files[i].path))
	}
}

// noticed waits until the minion has made all the drifts durable, while they cannot be sent.
func (s *set) noticed() {
	s.t.Helper()
	s.until("the drifts wait in the outbox", func() bool { return s.unsent(s.m) >= len(drifts) })
}

func (s *set) corrected(from uint64) {
	s.t.Helper()
	for i, f := range s.files {
		f.corrected(from, drifts[i].change)
	}
}

// One drift is one correction, whatever is away meanwhile, and the trace says why.
func TestDrift(t *testing.T) {
	for _, c := range []struct {
		name string
		slow bool
		do   func(s *set) (from uint64)
	}{
		{"all-runs", false, func(s *set) uint64 { return s.drift() }},
		{"minion-down", false, func(s *set) uint64 {
			s.settled(s.m)
			from := s.head()
			s.must(s.m.Stop())
			s.do()
			s.start(s.m)
			return from
		}},
		{"minion-killed", true, func(s *set) uint64 {
			s.settled(s.m)
			from := s.head()
			s.m.Kill()
			s.do()
			s.start(s.m)
			return from
		}},
		{"master-down", false, func(s *set) uint64 {
			s.settled(s.m)
			from := s.head()
			s.must(s.Master.Stop())
			s.do()
			s.noticed()
			s.startMaster()
			return from
		}},
		{"both-down", true, func(s *set) uint64 {
			s.settled(s.m)
			from := s.head()
			s.must(s.Master.Stop())
			s.must(s.m.Stop())
			s.do()
			s.start(s.m)
			s.noticed()
			s.startMaster()
			return from
		}},
		{"connection-cut", true, func(s *set) uint64 {
			s.settled(s.m)
			from := s.head()
			s.proxy.turnAway(true)
			s.proxy.cut()
			s.do()
			s.noticed()
			s.proxy.turnAway(false)
			return from
		}},
		{"connection-refused", true, func(s *set) uint64 {
			s.settled(s.m)
			from := s.head()
			s.proxy.unlisten()
			s.proxy.cut()
			s.do()
			s.noticed()
			s.proxy.listen(s.proxy.addr)
			return from
		}},
		{"half-open", true, func(s *set) uint64 {
			s.settled(s.m)
			from := s.head()
			s.proxy.freeze(toMaster, toMinion)
			s.do()
			s.noticed()
			return from // it has to find out by itself
		}},
		{"deaf", true, func(s *set) uint64 { // what the master sends is lost: acknowledgements and jobs
			s.settled(s.m)
			from := s.head()
			s.proxy.freeze(toMinion)
			s.do()
			s.noticed()
			s.until("the master has decided", func() bool { return len(s.tagged("brine/job/*/new", from)) == len(drifts) })
			s.proxy.cut()
			return from
		}},
		{"dumb", true, func(s *set) uint64 { // what the minion sends is lost
			s.settled(s.m)
			from := s.head()
			s.proxy.freeze(toMaster)
			s.do()
			s.noticed()
			s.proxy.cut()
			return from
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.slow {
				long(t)
			}
			t.Parallel()
			s := newSet(t)
			s.corrected(c.do(s))
		})
	}
}

// The connection breaks at any byte between the drift and the end of its correction: still one correction for one drift.
func TestDriftWhileTheConnectionBreaks(t *testing.T) {
	long(t)
	t.Parallel()
	chance := seed(t)
	s := newSet(t)
	const rounds = 40
	for range rounds {
		// A minion whose sessions keep ending at once waits ever longer between them; a new one begins anew.
		s.must(s.m.Stop())
		s.start(s.m)
		s.settled(s.m)
		from := s.head()
		up, down := -1, -1
		if chance.IntN(2) == 0 {
			up = chance.IntN(4000)
		} else {
			down = chance.IntN(6000)
		}
		i := chance.IntN(len(drifts))
		s.proxy.cutAfter(up, down)
		s.must(drifts[i].do(s.files[i].path))
		s.files[i].corrected(from, drifts[i].change)
		if t.Failed() {
			t.Fatalf("%s, cut after %d bytes up, %d down", drifts[i].name, up, down)
		}
	}
	changed := 0
	for _, e := range s.tagged("brine/job/*/ret/*", 0) {
		var r job.Result
		if s.must(e.Data.Decode(&r)); r.Changed() {
			changed++
		}
	}
	if want := len(drifts) + rounds; changed != want {
		t.Errorf("%d corrections in all, want %d", changed, want)
	}
}
