package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"brine/internal/event"
	"brine/internal/rig"
)

// way is one way of changing a file, done by the tool that does it in real life.
type way struct {
	what   string
	needs  []string // programs; the first of them, or sh without any, is the one that makes the change
	by     []string // where it is another: any of these; "" is nobody that could be known
	change string   // what the beacon calls it
	once   bool     // one step of the tool's: exactly one correction even where drift is acted on at once
	below  string   // of the managed file below the way's folder; motd where empty
	state  string   // further arguments of the state, a line each
	every  string   // of the beacon's periodic comparison, for what the kernel does not tell
	before string   // a script that prepares the folder, before the state is applied
	ready  string   // one that is run when the file is right
	do     string   // the change
	also   string   // a script that succeeds when the file is right beyond content, mode and owner
	pkg    string   // the package in whose name it is done
}

// placed is a way with a folder of its own.
type placed struct {
	way
	*managed
	dir string
}

// requireTools is set where nothing may be skipped: .ci/run has installed all that the tests use.
const requireTools = "BRINE_REQUIRE_TOOLS"

// lacking names the first of these programs that this host does not have.
func lacking(programs []string) string {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return p
		}
	}
	return ""
}

// here reports whether a way can be gone on this host; where nothing may be skipped, what is missing is a failure.
func (c *way) here(t *testing.T) bool {
	missing := lacking(c.needs)
	if missing == "" {
		return true
	}
	if os.Getenv(requireTools) == "1" {
		t.Fatalf("%s: %s is not installed", c.what, missing)
	}
	t.Logf("%s is left out: %s is not installed", c.what, missing)
	return false
}

// place gives each way a folder, a state and a source.
func (w *world) place(t *testing.T) []*placed {
	t.Helper()
	var all []*placed
	for _, c := range ways() {
		if !c.here(t) {
			continue
		}
		name := strings.NewReplacer(" ", "-", ",", "-", "=", "-", ".", "-").Replace(c.what)
		p := &placed{way: c, dir: w.Path("host/" + name)}
		if p.below == "" {
			p.below = "motd"
		}
		p.managed = &managed{w: w, name: name, path: filepath.Join(p.dir, p.below), text: "This is " + name + ", as it is meant to be.\n"}
		w.must(os.MkdirAll(p.dir, 0o755))
		w.must(p.run(c.before))
		sls := p.path + ":\n  file.managed:\n    - source: brine://" + name + "\n    - mode: '0640'\n    - user: root\n    - group: root\n"
		for line := range strings.Lines(c.state) {
			sls += "    - " + strings.TrimRight(line, "\n") + "\n"
		}
		w.write("states/"+name, p.text)
		w.write("states/"+name+".sls", sls)
		all = append(all, p)
	}
	return all
}

// run runs a script in the way's folder. TEXT is what the file should hold, PATHNAME where it is.
func (p *placed) run(script string) error {
	if script == "" {
		return nil
	}
	cmd := exec.Command("/bin/sh", "-ec", script)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+p.dir, "TEXT="+strings.TrimSpace(p.text), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s: %w: %s", p.what, script, err, out)
	}
	return nil
}

// asRoot skips a test that changes owners and has packages installed.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// Every way of changing a file, by the tool that does it in real life, while a rule watches over it: it is one event with the right change, by
// the right program, it is corrected once, and everything about the file is right.
func TestEveryWay(t *testing.T) {
	asRoot(t)
	t.Parallel()
	w := newWorld(t)
	all := w.place(t)
	config := "beacons:\n  file:\n    paths:\n"
	for _, p := range all {
		w.write("reactors/"+p.name+".yaml", p.rule(""))
		// Programs that the scheduler holds up between two steps are still one change.
		config += "      " + p.path + ": {settle: 1s" + p.options() + "}\n"
	}
	w.startMaster()
	m := w.minion("web1", config)
	named := newNamed(t)
	for _, p := range all {
		w.bring(m, p.managed)
		w.must(p.run(p.ready))
	}
	w.settled(m)
	from := w.head()
	for _, p := range all {
		w.must(p.run(p.do))
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			w.t = t
			p.corrected(from, p.change)
			w.must(p.run(p.also))
			named.check(t, p, from)
		})
	}
	w.t = t
	named.enough()
}

func (p *placed) options() string {
	if p.every == "" {
		return ""
	}
	return ", every: " + p.every
}

// The same with the one word, where drift is acted on at once: the file is right in the end. What a tool does in one step is one correction.
func TestEveryWayEnforced(t *testing.T) {
	asRoot(t)
	t.Parallel()
	w := newWorld(t)
	all := w.place(t)
	config := "beacons:\n  file:\n    paths:\n"
	for _, p := range all {
		w.write("states/"+p.name+".sls", read(w, "states/"+p.name+".sls")+"    - enforce: true\n")
		if p.every != "" {
			config += "      " + p.path + ": {every: " + p.every + "}\n"
		}
	}
	w.startMaster()
	m := w.minion("web1", config)
	for _, p := range all {
		w.enforced(m, p.managed)
		w.must(p.run(p.ready))
	}
	w.settled(m)
	for _, p := range all {
		if err := p.run(p.do); err != nil {
			if p.once {
				t.Fatal(err)
			}
			t.Logf("%s: Brine was faster than the tool's next step: %v", p.what, err)
		}
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			w.t = t
			w.until("the correction is told", func() bool { return p.told()["corrected"] > 0 })
			p.right()
			w.until("it is right in every way", func() bool { return p.run(p.also) == nil })
			w.settled(m)
			told := p.told()
			if told["corrected"] != 1 && p.once || len(told) != 1 {
				t.Errorf("one drift was told as %v", told)
			}
			p.right()
		})
	}
	w.t = t
}

// named counts the ways whose program was named. Who exits at once may stay unknown, but nobody is named wrongly.
type named struct {
	t              *testing.T
	allowed        bool
	known, unknown int
}

func newNamed(t *testing.T) *named {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_REPORT_DFID_NAME|unix.FAN_REPORT_PIDFD, unix.O_RDONLY)
	if err != nil {
		t.Logf("who changes files is not checked: fanotify: %v", err)
		return &named{t: t}
	}
	unix.Close(fd)
	return &named{t: t, allowed: true}
}

// actor is what an event says of who made the change.
type actor struct {
	Exe            *string `json:"exe"`
	UID            *int64  `json:"uid"`
	PackageManager *string `json:"package_manager"`
	Package        *string `json:"package"`
}

func (n *named) check(t *testing.T, p *placed, from uint64) {
	if !n.allowed {
		return
	}
	e := slices.DeleteFunc(p.w.tagged(p.tag(), from), func(e event.Event) bool { return e.Own })
	if len(e) == 0 {
		return // told already
	}
	var data struct {
		Actor *actor `json:"actor"`
	}
	p.w.must(e[0].Data.Decode(&data))
	want, nobody := p.programs(t)
	switch a := data.Actor; {
	case a == nil || a.Exe == nil:
		if !nobody {
			t.Logf("%s is not named", want)
			n.unknown++
		}
	case !slices.Contains(want, *a.Exe):
		t.Errorf("named %s, want %q", *a.Exe, want)
	case a.UID == nil || *a.UID != 0:
		t.Errorf("%s is not root's: %v", *a.Exe, a.UID)
	default:
		n.known++
		n.manager(t, p, a)
	}
}

// manager checks the package in whose name a change was made.
func (n *named) manager(t *testing.T, p *placed, a *actor) {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	manager := "dpkg"
	if p.pkg == "" {
		manager = ""
	}
	if text(a.PackageManager) != manager || text(a.Package) != p.pkg {
		t.Errorf("package manager %q, package %q; want %q, %q", text(a.PackageManager), text(a.Package), manager, p.pkg)
	}
}

// programs are the paths of those that may be named, as the kernel shows them.
func (p *placed) programs(t *testing.T) (paths []string, nobody bool) {
	names := p.by
	if len(names) == 0 {
		names = append(slices.Clone(p.needs[:min(1, len(p.needs))]), "sh")[:1]
	}
	for _, name := range names {
		if name == "" {
			nobody = true
			continue
		}
		path, err := exec.LookPath(name)
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths, nobody
}

// enough wants nine of ten to be known. On a loaded machine a program may be gone before anybody could look at it.
func (n *named) enough() {
	n.t.Logf("named %d, not known %d", n.known, n.unknown)
	if n.allowed && n.unknown*10 > n.known {
		n.t.Errorf("named %d, not known %d", n.known, n.unknown)
	}
}

// 2,000 files in 200 new folders, made as fast as a program can, are 2,000 events; as many are gone again when the tree is removed.
func TestFilesInNewFolders(t *testing.T) {
	long(t)
	t.Parallel()
	const folders, each = 200, 10
	w := newWorld(t)
	top := w.Path("host/spool")
	w.must(os.MkdirAll(top, 0o755))
	w.startMaster()
	m := w.minion("web1", "beacons:\n  file:\n    paths:\n      "+top+": {recurse: true}\n")
	w.settled(m)
	for _, c := range []struct{ script, change string }{
		{fmt.Sprintf("import os\nfor d in range(%d):\n  p = 'new/%%d' %% d\n  os.makedirs(p)\n  for f in range(%d):\n    open(p + '/%%d' %% f, 'w').write('%%d %%d' %% (d, f))", folders, each), "created"},
		{"import shutil; shutil.rmtree('new')", "removed"},
	} {
		from := w.head()
		cmd := exec.Command(python, "-c", c.script)
		cmd.Dir = top
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var files map[string]int
		w.until("every file is told", func() bool {
			files = w.toldFiles(m, from, c.change)
			return len(files) >= folders*each
		})
		w.settled(m)
		files = w.toldFiles(m, from, c.change)
		for path, n := range files {
			if n != 1 {
				t.Errorf("%s was told %d times", path, n)
			}
		}
		if len(files) != folders*each {
			t.Errorf("%d files were told as %s, want %d", len(files), c.change, folders*each)
		}
	}
}

// toldFiles counts the events of regular files with a change, by path. Any other change is an error.
func (w *world) toldFiles(m *rig.Minion, after uint64, change string) map[string]int {
	w.t.Helper()
	type stat struct {
		Type string `json:"type"`
	}
	count := map[string]int{}
	for _, e := range w.tagged("brine/beacon/"+m.ID+"/file/**", after) {
		var d struct {
			Path   string `json:"path"`
			Change string `json:"change"`
			Reason string `json:"reason"`
			Before *stat  `json:"before"`
			After  *stat  `json:"after"`
		}
		w.must(e.Data.Decode(&d))
		is := d.After
		if is == nil {
			is = d.Before
		}
		switch {
		case is == nil:
			w.t.Fatalf("%s of %s: %s", d.Change, d.Path, d.Reason)
		case is.Type != "file":
		case d.Change != change:
			w.t.Fatalf("%s is told as %s", d.Path, d.Change)
		default:
			count[d.Path]++
		}
	}
	return count
}
