package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/job"
	"brine/internal/rig"
)

// moments is an installation whose file is put right in one of the two ways: by a rule, or by enforce.
type moments struct {
	*world
	m *rig.Minion
	f *managed
}

// withCommands lets a minion run check_cmd.
const withCommands = "allow:\n  functions: ['*']\n  states: ['*']\n"

// inBothWays runs a test with a file that a rule restores, and with one that is enforced.
func inBothWays(t *testing.T, do func(s *moments)) {
	t.Parallel()
	for _, how := range []string{"by-rule", "enforced"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := &moments{world: w}
			config := withCommands
			if how == "enforced" {
				s.f = w.enforceAll("true", "motd")[0]
			} else {
				files, more := w.manage("motd")
				s.f, config = files[0], config+more
			}
			w.startMaster()
			s.m = w.minion("web1", config)
			s.f.sent = s.m
			if r := w.apply(s.m.ID, "motd"); !r.OK || !r.Changed() {
				t.Fatalf("%+v", r)
			}
			w.settled(s.m)
			do(s)
		})
	}
}

// drift writes into the file as somebody else would.
func (s *moments) drift() {
	s.t.Helper()
	s.must(os.WriteFile(s.f.path, []byte("drift\n"), 0o640))
}

// stays checks that the file is right, that nothing goes on any more, and that it is right even then.
func (s *moments) stays() {
	s.t.Helper()
	s.f.right()
	s.settled(s.m)
	s.f.right()
}

// gate is a state whose check_cmd waits: begun says that it does, open ends it.
type gate struct {
	w           *world
	path        string
	begun, open string
}

func (w *world) gate(name string) *gate {
	g := &gate{w: w, path: w.Path("host/" + name), begun: w.Path("run/" + name + ".begun"), open: w.Path("run/" + name + ".open")}
	w.must(os.MkdirAll(filepath.Dir(g.path), 0o755))
	return g
}

// state is the gate's text in an SLS.
func (g *gate) state() string {
	script := fmt.Sprintf("touch %s; while ! test -e %s; do sleep 0.005; done; rm %s", g.begun, g.open, g.open)
	return g.path + ":\n  file.managed:\n    - contents: x\n    - check_cmd: [/bin/sh, -ec, '" + script + "']\n"
}

func (g *gate) wait() {
	g.w.t.Helper()
	g.w.until("the run has come to the gate", func() bool { return os.Remove(g.begun) == nil })
}

func (g *gate) let() {
	g.w.t.Helper()
	g.w.must(os.WriteFile(g.open, nil, 0o644))
}

// A file that drifts while a state run is going on that touches it is right afterwards, whether the run has been at it or not.
func TestDriftDuringARun(t *testing.T) {
	inBothWays(t, func(s *moments) {
		sls := read(s.world, "states/motd.sls")
		g := s.gate("gate")
		for _, c := range []struct{ name, text string }{
			{"before the run comes to it", g.state() + sls},
			{"after it has been there", sls + g.state()},
		} {
			s.write("states/motd.sls", c.text)
			done, err := s.Client.Submit(s.ctx, api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"motd"}}, Tgt: s.m.ID})
			s.must(err)
			g.wait()
			s.drift()
			g.let()
			if jobs := s.ended(done.JID); jobs[0].Status != job.Succeeded {
				s.t.Fatalf("%s: %+v", c.name, jobs[0])
			}
			// A drift by a rule is a job of its own, which comes to the gate as well.
			s.must(os.Remove(g.path))
			s.passing(g, func() { s.stays() })
			s.write("states/motd.sls", sls)
			s.must(os.RemoveAll(g.path))
			if r := s.apply(s.m.ID, "motd"); !r.OK {
				s.t.Fatalf("%+v", r)
			}
		}
	})
}

// passing keeps a gate open while something is done.
func (s *moments) passing(g *gate, do func()) {
	s.t.Helper()
	stop := make(chan struct{})
	var opener sync.WaitGroup
	opener.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = os.WriteFile(g.open, nil, 0o644) // it is taken away by whoever passes
			case <-stop:
				return
			}
		}
	})
	do()
	close(stop)
	opener.Wait()
	_ = os.Remove(g.open) // perhaps it was taken
}

// What somebody writes between Check and Apply is seen when it is pushed aside, is kept, and the file is right.
func TestDriftBetweenCheckAndApply(t *testing.T) {
	inBothWays(t, func(s *moments) {
		once := s.Path("run/once")
		const unseen = "written while nobody looked"
		script := fmt.Sprintf("test ! -e %s || { rm %s; echo %s > %s; }", once, once, unseen, s.f.path)
		sls := read(s.world, "states/motd.sls")
		s.write("states/motd.sls", sls+"    - check_cmd: [/bin/sh, -ec, '"+script+"']\n")
		if r := s.apply(s.m.ID, "motd"); !r.OK {
			s.t.Fatalf("%+v", r)
		}
		s.settled(s.m)
		s.must(os.WriteFile(once, nil, 0o644))
		s.drift()
		s.until("the drift is being put right", func() bool { _, err := os.Lstat(once); return err != nil })
		s.stays()
		if grep(s.world, filepath.Join(s.m.Dir, "quarantine"), unseen) == "" {
			s.t.Error("what was pushed aside is not kept")
		}
	})
}

// Whoever writes again within microseconds of a correction is corrected again, as often as he does it.
func TestDriftRightAfterTheCorrection(t *testing.T) {
	inBothWays(t, func(s *moments) {
		const rounds = 8 // below what makes it contested
		// The enemy spins: it writes as soon as it sees the file right.
		enemy := exec.Command(python, "-c", `
import sys
path, rounds = sys.argv[1], int(sys.argv[2])
for i in range(rounds):
    while True:
        try:
            with open(path) as f: text = f.read()
        except FileNotFoundError: continue
        if text.startswith('This is'): break
    with open(path, 'w') as f: f.write('drift %d' % i)
`, s.f.path, fmt.Sprint(rounds))
		out, err := enemy.CombinedOutput()
		if err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		s.stays()
	})
}

// A drift at any moment of the minion's start and of its end is put right once it runs.
func TestDriftWhileTheMinionStartsAndStops(t *testing.T) {
	long(t)
	inBothWays(t, func(s *moments) {
		chance := seed(s.t)
		for range 6 {
			s.must(s.m.Stop())
			s.start(s.m)
			time.Sleep(time.Duration(chance.IntN(120)) * time.Millisecond) // any moment will do
			s.drift()
			s.f.right()

			stopped := make(chan error, 1)
			go func() { stopped <- s.m.Stop() }()
			time.Sleep(time.Duration(chance.IntN(20)) * time.Millisecond) // any moment will do
			s.drift()
			s.must(<-stopped)
			s.start(s.m)
			s.f.right()
		}
		s.must(s.Online(s.ctx, s.m.ID))
		s.stays()
	})
}

// The very same drift again, after a correction that the beacon had no time to see before the minion was killed, is another drift; and the
// correction is never taken for one.
func TestTheSameDriftAfterAKill(t *testing.T) {
	inBothWays(t, func(s *moments) {
		for range 12 {
			s.drift()
			s.f.right()
			s.m.Kill()
			s.drift()
			s.start(s.m)
			s.f.right()
		}
		s.must(s.Online(s.ctx, s.m.ID))
		s.stays()
	})
}

// What the minion watches changes again and again, and with that its beacon is started anew: no drift is lost meanwhile.
func TestDriftWhileTheBeaconStartsAnew(t *testing.T) {
	inBothWays(t, func(s *moments) {
		const rounds = 8
		for i := range rounds {
			name := fmt.Sprintf("more-%d", i)
			s.write("states/"+name+".sls", s.Path("host/"+name)+":\n  file.managed:\n    - contents: x\n    - enforce: true\n")
			done, err := s.Client.Submit(s.ctx, api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{name}}, Tgt: s.m.ID})
			s.must(err)
			s.until("it is there", func() bool { _, err := os.Lstat(s.Path("host/" + name)); return err == nil })
			s.drift()
			s.f.right()
			s.ended(done.JID)
		}
		s.stays()
	})
}

// What cannot be put right is told, once, with the reason; when it is out of the way the file is right.
func TestWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.enforceAll("true", "motd")[0]
	w.startMaster()
	m := w.minion("web1", "")
	w.enforced(m, f)
	for _, c := range []struct{ script, says string }{
		{"mkfifo other; mv other motd", "named pipe"},
		{python + ` -c "import os, socket; socket.socket(socket.AF_UNIX).bind('other'); os.rename('other', 'motd')"`, "socket"},
	} {
		from := w.head()
		cmd := exec.Command("/bin/sh", "-ec", c.script)
		cmd.Dir = filepath.Dir(f.path)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		e := w.one("brine/drift/"+m.ID+"/*/failed", from)
		var d job.Drift
		if w.must(e.Data.Decode(&d)); !strings.Contains(d.Result.Comment, c.says) {
			t.Errorf("%s: %s", c.script, d.Result.Comment)
		}
		w.must(os.Remove(f.path))
		f.right()
		w.settled(m)
		if n := len(w.tagged("brine/drift/"+m.ID+"/*/failed", from)); n != 1 {
			t.Errorf("%s: told %d times", c.script, n)
		}
	}
}
