package e2e

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/job"
	"brine/internal/rig"
)

// enforceAll writes the states with enforce, and neither a rule nor a beacon.
func (w *world) enforceAll(mode string, names ...string) []*managed {
	w.t.Helper()
	files, _ := w.manage(names...)
	for _, f := range files {
		sls, err := os.ReadFile(w.Path("states/" + f.name + ".sls"))
		w.must(err)
		w.write("states/"+f.name+".sls", string(sls)+"    - enforce: "+mode+"\n")
		w.must(os.Remove(w.Path("reactors/" + f.name + ".yaml")))
	}
	return files
}

// enforced applies the states for the first time.
func (w *world) enforced(m *rig.Minion, files ...*managed) {
	w.t.Helper()
	for _, f := range files {
		f.sent = m
		if r := w.apply(m.ID, f.name); !r.OK || !r.Changed() {
			w.t.Fatalf("%s was not brought about: %+v", f.name, r)
		}
		f.right()
	}
}

// told counts the events that tell of a state's drift, by what they say.
func (f *managed) told() map[string]int {
	f.w.t.Helper()
	count := map[string]int{}
	for _, e := range f.w.tagged("brine/drift/"+f.sent.ID+"/**", 0) {
		var d struct {
			Name string `json:"name"`
		}
		f.w.must(e.Data.Decode(&d))
		if d.Name == f.path {
			count[e.Tag[strings.LastIndex(e.Tag, "/")+1:]]++
		}
	}
	return count
}

// One word in the state is enough: no rule, no beacon, and no master either.
func TestEnforce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(w *world, m *rig.Minion, drift func())
	}{
		{"all-runs", func(_ *world, _ *rig.Minion, drift func()) { drift() }},
		{"master-down", func(w *world, _ *rig.Minion, drift func()) {
			w.must(w.Master.Stop())
			drift()
		}},
		{"minion-down", func(w *world, m *rig.Minion, drift func()) {
			w.must(m.Stop())
			drift()
			w.start(m)
		}},
		{"both-down", func(w *world, m *rig.Minion, drift func()) {
			w.must(w.Master.Stop())
			w.must(m.Stop())
			drift()
			w.start(m)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			var names []string
			for _, d := range drifts {
				names = append(names, d.name)
			}
			files := w.enforceAll("true", names...)
			w.startMaster()
			m := w.minion("web1", "")
			w.enforced(m, files...)
			// What the roots say now is applied to nobody, and so it is not what is restored.
			w.write("states/edit", "half an edi")
			c.do(w, m, func() {
				for i, d := range drifts {
					w.must(d.do(files[i].path))
				}
			})
			for _, f := range files {
				f.right()
			}
			if w.Master.Err() != nil {
				w.startMaster()
			}
			for _, f := range files {
				w.until("the correction of "+f.name+" is told", func() bool { return f.told()["corrected"] > 0 })
			}
			w.settled(m)
			for _, f := range files {
				if told := f.told(); told["corrected"] != 1 || len(told) != 1 {
					t.Errorf("%s: one drift was told as %v", f.name, told)
				}
			}
		})
	}
}

// enforce: warn tells of a drift once, changes nothing, and tells when it is over.
func TestEnforceWarn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.enforceAll("warn", "motd")[0]
	w.startMaster()
	w.enforced(w.minion("web1", ""), f)
	w.must(os.WriteFile(f.path, []byte("drift\n"), 0o640))
	w.until("the drift is told", func() bool { return f.told()["drifted"] == 1 })
	w.must(os.WriteFile(f.path, []byte(f.text), 0o640))
	w.until("its end is told", func() bool { return f.told()["settled"] == 1 })
	if told := f.told(); told["corrected"] != 0 || told["drifted"] != 1 {
		t.Errorf("told: %v", told)
	}
}

// Two programs that fight over a file do not take the host with them: it is told once, and when the other one gives up,
// the file is right.
func TestEnforceWar(t *testing.T) {
	if testing.Short() {
		t.Skip("a war takes its time")
	}
	t.Parallel()
	w := newWorld(t)
	f := w.enforceAll("true", "motd")[0]
	w.startMaster()
	w.enforced(w.minion("web1", ""), f)
	stop := make(chan struct{})
	var enemy sync.WaitGroup
	enemy.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = os.WriteFile(f.path, []byte("war\n"), 0o640) // replaced at this moment, perhaps
			case <-stop:
				return
			}
		}
	})
	w.until("the state is contested", func() bool { return f.told()["contested"] == 1 })
	close(stop)
	enemy.Wait()
	f.right()
	w.until("the war is over", func() bool { return f.told()["settled"] == 1 })
	f.right()
	if told := f.told(); told["contested"] != 1 || told["failed"] != 0 {
		t.Errorf("told: %v", told)
	}
}

// What an SLS no longer holds is no longer enforced.
func TestEnforceEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.enforceAll("true", "motd")[0]
	w.startMaster()
	m := w.minion("web1", "")
	w.enforced(m, f)
	sls, err := os.ReadFile(w.Path("states/motd.sls"))
	w.must(err)
	w.write("states/motd.sls", strings.Replace(string(sls), "enforce: true", "enforce: false", 1))
	if r := w.apply(m.ID, "motd"); !r.OK {
		t.Fatalf("%+v", r)
	}
	w.must(os.WriteFile(f.path, []byte("my own\n"), 0o640))
	w.settled(m)
	w.submit(api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"motd"}, Test: true}, Tgt: m.ID}) // one run at a time: this one comes after a correction
	if got := f.told(); len(got) != 0 {
		t.Errorf("told: %v", got)
	}
	if f.wrong() == "" {
		t.Error("the file was put back although nothing says so any more")
	}
}

// A link is watched as a link: where it leads is put right, and what lies there is nobody's business.
func TestEnforceLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, dir := range []string{"host/site-1", "host/site-2"} {
		w.must(os.MkdirAll(w.Path(dir), 0o755))
	}
	link := w.Path("host/current")
	w.write("states/link.sls", link+":\n  file.symlink:\n    - target: site-1\n    - enforce: true\n")
	w.startMaster()
	m := w.minion("web1", "")
	leads := func(to string) func() bool {
		return func() bool {
			got, err := os.Readlink(link)
			return err == nil && got == to
		}
	}
	if r := w.apply(m.ID, "link"); !r.OK || !r.Changed() {
		t.Fatalf("%+v", r)
	}
	for range 3 {
		tmp := link + ".new"
		w.must(os.Symlink("site-2", tmp))
		w.must(os.Rename(tmp, link))
		w.until("the link leads to site-1 again", leads("site-1"))
	}
	w.must(os.WriteFile(w.Path("host/site-1/index.html"), []byte("x"), 0o644))
	// A drift that comes while the last one is being put right may be told together with it.
	w.until("the drifts are told", func() bool { return len(w.tagged("brine/drift/"+m.ID+"/**", 0)) > 0 })
	w.settled(m)
	for _, e := range w.tagged("brine/beacon/"+m.ID+"/file/**", 0) {
		if strings.Contains(e.Tag, "index.html") {
			t.Errorf("what lies behind the link is told: %s", e.Tag)
		}
	}
}
