package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/rig"
)

// managed is a file that a state describes and a rule restores.
type managed struct {
	w    *world
	name string // of the SLS, the source and the file
	path string
	text string
	sent *rig.Minion
}

// nobody is a user and group that a test run by root gives files away to.
const nobody = 65534

// manage writes an SLS and a rule for each name, and gives the minion's configuration that watches the files.
func (w *world) manage(names ...string) (files []*managed, config string) {
	w.t.Helper()
	w.must(os.MkdirAll(w.Path("host/etc"), 0o755))
	config = "beacons:\n  file:\n    paths:\n"
	for _, name := range names {
		f := &managed{w: w, name: name, path: w.Path("host/etc/" + name), text: "This is " + name + ", as it is meant to be.\n"}
		sls := f.path + ":\n  file.managed:\n    - source: brine://" + name + "\n    - mode: '0640'\n"
		if os.Geteuid() == 0 {
			sls += "    - user: root\n    - group: root\n"
		}
		w.write("states/"+name, f.text)
		w.write("states/"+name+".sls", sls)
		w.write("reactors/"+name+".yaml", f.rule(""))
		// A writer that the scheduler holds up between truncating and writing must not count as done.
		config += "      " + f.path + ": {settle: 300ms}\n"
		files = append(files, f)
	}
	return files, config
}

// rule is the text of the rule that restores the file, with more lines of its own.
func (f *managed) rule(more string) string {
	return "restore-" + f.name + ":\n  on: brine/beacon/*/file" + event.EscapeTag(f.path) + "\n" + more + "  do:\n    - state.apply: " + f.name + "\n"
}

// bring applies the states for the first time and waits until the minion has told what it did.
func (w *world) bring(m *rig.Minion, files ...*managed) {
	w.t.Helper()
	for _, f := range files {
		f.sent = m
		from := w.head()
		if r := w.apply(m.ID, f.name); !r.OK || !r.Changed() {
			w.t.Fatalf("%s was not brought about: %+v", f.name, r)
		}
		f.right()
		if e := w.one(f.tag(), from); !e.Own {
			w.t.Fatalf("Brine's own change of %s is told as drift: %+v", f.name, e)
		}
	}
}

func (f *managed) tag() string {
	return "brine/beacon/" + f.sent.ID + "/file" + event.EscapeTag(f.path)
}

// right waits until the file is as wanted: content, mode and owner.
func (f *managed) right() {
	f.w.t.Helper()
	f.w.until(f.name+" is right", func() bool { return f.wrong() == "" })
}

// wrong says what is not as wanted.
func (f *managed) wrong() string {
	info, err := os.Lstat(f.path)
	if err != nil {
		return err.Error()
	}
	if info.Mode() != 0o640 {
		return info.Mode().String()
	}
	if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
		return fmt.Sprintf("owned by %d:%d", st.Uid, st.Gid)
	}
	text, err := os.ReadFile(f.path)
	if err != nil || string(text) != f.text {
		return fmt.Sprintf("%q, %v", text, err)
	}
	return ""
}

// drift is one way in which a file comes to differ.
type drift struct {
	name   string
	do     func(path string) error
	change string // what the beacon calls it
}

var drifts = []drift{
	{"edit", func(path string) error { return os.WriteFile(path, []byte("all your base\n"), 0o640) }, "modified"},
	{"replace", func(path string) error {
		// Where an editor has its temporary file is not watched: only the replacing is a change.
		tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".swp")
		if err := os.WriteFile(tmp, []byte("somebody else's file\n"), 0o600); err != nil {
			return err
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(tmp, nobody, nobody); err != nil {
				return err
			}
		}
		return os.Rename(tmp, path)
	}, "modified"},
	{"remove", os.Remove, "removed"},
	{"chmod", func(path string) error { return os.Chmod(path, 0o666) }, "attributes"},
}

// corrected waits until one drift behind a position has been put right and told, and checks that it was one correction, that
// nothing else was done, and that the trace says all of it.
func (f *managed) corrected(after uint64, change string) {
	t := f.w.t
	t.Helper()
	f.right()
	f.w.until("the correction of "+f.name+" is told", func() bool {
		for _, e := range f.w.tagged(f.tag(), after) {
			if e.Own {
				return true
			}
		}
		return false
	})
	f.w.settled(f.sent)
	var seen, own []event.Event
	for _, e := range f.w.tagged(f.tag(), after) {
		if e.Own {
			own = append(own, e)
		} else {
			seen = append(seen, e)
		}
	}
	var did []job.Result
	for _, e := range f.w.tagged("brine/job/*/ret/*", after) {
		if r := f.w.decode(e); r.Rule == "restore-"+f.name && r.Changed() {
			did = append(did, r)
		}
	}
	if len(seen) != 1 || len(own) != 1 || len(did) != 1 {
		t.Errorf("%s: %d drifts seen, %d corrections told, %d made; want one of each", f.name, len(seen), len(own), len(did))
		f.w.showLog(after)
		return
	}
	if wrong := f.wrong(); wrong != "" {
		t.Errorf("%s is not right after all: %s", f.name, wrong)
	}
	var data struct {
		Change string `json:"change"`
	}
	f.w.must(seen[0].Data.Decode(&data))
	if data.Change != change {
		t.Errorf("%s: seen as %q, want %q", f.name, data.Change, change)
	}
	f.traced(seen[0], own[0], did[0].JID)
}

// traced checks that the trace of a drift names the rule, the job, its result and Brine's own change.
func (f *managed) traced(seen, own event.Event, jid string) {
	t := f.w.t
	t.Helper()
	traced, err := f.w.Client.Trace(f.w.ctx, seen.ID.String())
	f.w.must(err)
	var got []string
	traced.Root.Walk(func(n *api.Trace) {
		for _, v := range n.Verdicts {
			if v.Outcome == "fired" {
				got = append(got, "rule "+v.Rule)
			}
		}
		for _, j := range n.Jobs {
			got = append(got, fmt.Sprintf("job %s %s", j.JID, j.Status))
		}
		switch {
		case n.Event.ID == own.ID:
			got = append(got, "own change")
		case strings.HasSuffix(n.Event.Tag, "/ret/"+f.sent.ID):
			got = append(got, "result "+f.w.decode(n.Event).JID)
		}
	})
	for _, want := range []string{"rule restore-" + f.name, "job " + jid + " succeeded", "result " + jid, "own change"} {
		n := 0
		for _, g := range got {
			if g == want {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: the trace of %s tells %q %d times; it tells %q", f.name, seen.ID, want, n, got)
		}
	}
}

// showLog prints the log behind a position, for a test that failed.
func (w *world) showLog(after uint64) {
	for _, e := range w.events(api.Query{From: after + 1, Limit: 200}) {
		data, _ := e.Data.MarshalJSON()
		w.t.Logf("%d %s %s own=%v causes=%v %.300s", e.Pos, e.ID, e.Tag, e.Own, e.Causes, data)
	}
}
