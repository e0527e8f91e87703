package e2e

import (
	"os"
	"strings"
	"testing"

	"brine/internal/api"
	"brine/internal/job"
)

// A state file that is saved half edited reaches nobody; its fault is told with its place, and what drifted meanwhile is put right once it
// is repaired.
func TestHalfEditedState(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, config := w.manage("motd")
	f := files[0]
	w.startMaster()
	m := w.minion("web1", config)
	w.bring(m, f)
	good := read(w, "states/motd.sls")
	cases := []struct{ name, text, place, says string }{
		{"not YAML", f.path + ":\n  file.managed:\n    - source: [brine://motd\n", "motd.sls:", ""},
		{"a key too many", good + "    - moed: '0600'\n", "motd.sls:", "mode"},
		{"a function that is none", strings.Replace(good, "file.managed", "file.manage", 1), "motd.sls:2:3", "file.managed"},
		{"a source that is not there", strings.Replace(good, "brine://motd", "brine://mtod", 1), "motd.sls:3", "mtod"},
	}
	for _, c := range cases[:sized(len(cases), 1)] {
		w.settled(m)
		from := w.head()
		w.write("states/motd.sls", c.text)
		jobs := w.submit(api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"motd"}}, Tgt: "web1"})
		if e := jobs[0].Error; jobs[0].Status == job.Succeeded || !strings.Contains(e, c.place) || !strings.Contains(e, c.says) {
			t.Errorf("%s: %s: %s", c.name, jobs[0].Status, e)
		}
		if wrong := f.wrong(); wrong != "" {
			t.Errorf("%s: the file was touched: %s", c.name, wrong)
		}
		w.must(os.Chmod(f.path, 0o600))
		w.until("the fault is told to whoever looks at the job", func() bool {
			open, err := w.Client.Jobs(w.ctx, api.JobQuery{Open: true})
			w.must(err)
			return len(open) == 1 && strings.Contains(open[0].Error, c.place)
		})
		w.write("states/motd.sls", good)
		f.corrected(from, "attributes")
	}
}

// A rule file that is saved broken leaves the last good set in force and is told with its place.
func TestBrokenRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, config := w.manage("motd")
	f := files[0]
	w.startMaster()
	m := w.minion("web1", config)
	w.bring(m, f)
	good := read(w, "reactors/motd.yaml")
	cases := []struct{ name, text, place, says string }{
		{"not YAML", good + "  when: [\n", "motd.yaml:", ""},
		{"a key that is none", strings.Replace(good, "  do:", "  dou:", 1), "motd.yaml:3:3", "do"},
		{"a field that the beacon does not send", f.rule("  when: data.chagne == 'removed'\n"), "motd.yaml:3:", "change"},
		{"another file is broken", "", "other.yaml:2:3", ""},
	}
	for _, c := range cases[:sized(len(cases), 1)] {
		w.settled(m)
		from := w.head()
		if c.text != "" {
			w.write("reactors/motd.yaml", c.text)
		} else {
			w.write("reactors/other.yaml", "other:\n  on: x\n")
		}
		w.one("brine/master/rules/refused", from)
		rules, err := w.Client.Rules(w.ctx)
		w.must(err)
		if !strings.Contains(rules.Faults, c.place) || !strings.Contains(rules.Faults, c.says) || len(rules.Rules) != 1 {
			t.Errorf("%s: %d rules, %s", c.name, len(rules.Rules), rules.Faults)
		}
		w.must(os.Remove(f.path))
		f.corrected(from, "removed")
		w.write("reactors/motd.yaml", good)
		_ = os.Remove(w.Path("reactors/other.yaml")) // it may not be there
		w.until("the rules are in order again", func() bool {
			rules, err := w.Client.Rules(w.ctx)
			w.must(err)
			return rules.Faults == "" && len(rules.Rules) == 1
		})
	}
	// A rule that is added while everything runs is in force when it is saved. A master that starts with a broken one says so.
	from := w.head()
	w.write("reactors/more.yaml", "more:\n  on: e2e/ask\n  do:\n    - event.fire: e2e/answer\n")
	w.until("two rules are in force", func() bool {
		for _, e := range w.tagged("brine/master/rules", from) {
			var data struct {
				Rules int `json:"rules"`
			}
			w.must(e.Data.Decode(&data))
			if data.Rules == 2 {
				return true
			}
		}
		return false
	})
	_, err := w.Client.Fire(w.ctx, "e2e/ask", nil)
	w.must(err)
	w.one("e2e/answer", from)
	w.write("reactors/other.yaml", "other:\n  on: x\n")
	w.one("brine/master/rules/refused", from)
	w.must(w.Master.Stop())
	w.startMaster()
	s, err := w.Client.Status(w.ctx)
	w.must(err)
	if !strings.Contains(s.RuleFaults, "other.yaml:2:3") {
		t.Errorf("the fault is not told after a start: %+v", s)
	}
}
