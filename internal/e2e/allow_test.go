package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
)

// What the minion's own configuration does not allow is refused as a whole, with a reason, and nothing is changed.
func TestAllow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	free, locked := w.Path("host/free"), w.Path("host/locked")
	w.must(os.MkdirAll(locked, 0o755))
	w.must(os.MkdirAll(free, 0o755))
	w.must(os.WriteFile(filepath.Join(free, "b"), []byte("stays\n"), 0o644))
	w.minion("web1", "allow:\n  functions: [state.*]\n  states: ['file.*', '!file.absent']\n  paths: ['/**', '!"+locked+"/**']\n")
	w.write("states/good.sls", free+"/a:\n  file.managed:\n    - contents: a\n")
	w.write("states/path.sls", free+"/c:\n  file.managed:\n    - contents: c\n"+locked+"/a:\n  file.managed:\n    - contents: a\n")
	w.write("states/state.sls", free+"/d:\n  file.managed:\n    - contents: d\n"+free+"/b:\n  file.absent: []\n")
	for _, c := range []struct {
		name string
		fun  string
		sls  string
		says string
	}{
		{"a path", job.StateApply, "path", locked + "/a"},
		{"a state", job.StateApply, "state", "file.absent"},
		{"a function", job.TestPing, "", "test.ping"},
	} {
		args := job.Args{}
		if c.sls != "" {
			args.SLS = []string{c.sls}
		}
		j := w.submit(api.Submit{Fun: c.fun, Args: args, Tgt: "web1"})[0]
		r := w.result(j.Ret)
		if j.Status != job.Failed || r.OK || !r.Refused || !strings.Contains(r.Error, c.says) || !strings.Contains(r.Error, "allow") {
			t.Errorf("%s: %s: %+v", c.name, j.Status, r)
		}
	}
	if r := w.apply("web1", "good"); !r.OK || !r.Changed() {
		t.Errorf("what is allowed is not done: %+v", r)
	}
	var found []string
	w.must(filepath.WalkDir(w.Path("host"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, filepath.Base(filepath.Dir(path))+"/"+d.Name())
		}
		return err
	}))
	if got := strings.Join(found, " "); got != "free/a free/b" {
		t.Errorf("on the host: %s", got)
	}
}

// Nobody runs commands on a minion that has not been told to allow them.
func TestCommandsAreOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	w.minion("web1", "")
	argv, err := event.Encode(map[string]any{"argv": []string{"touch", w.Path("pwned")}})
	w.must(err)
	asked := w.submit(api.Submit{Fun: job.CmdRun, Tgt: "web1", Args: job.Args{Data: argv}})[0]
	if r := w.result(asked.Ret); asked.Status != job.Failed || r.OK || !r.Refused {
		t.Errorf("%s: %+v", asked.Status, r)
	}
	w.write("states/command.sls", "touch "+w.Path("pwned")+":\n  cmd.run: []\n")
	j := w.submit(api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"command"}}, Tgt: "web1"})[0]
	if j.Status == job.Succeeded || j.Error == "" {
		t.Errorf("%+v", j)
	}
	t.Log(j.Error)
	if _, err := os.Lstat(w.Path("pwned")); err == nil {
		t.Error("the command was run")
	}
}
