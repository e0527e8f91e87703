package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/linux"
)

const kernels = "../../internal/linux/testdata/"

// own puts what /proc shows of this test's process below the root.
func own(t *testing.T, root string) {
	t.Helper()
	pid := strconv.Itoa(os.Getpid())
	for _, name := range []string{"cmdline", "stat"} { // without stat it is no process
		text, err := os.ReadFile(filepath.Join("/proc", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		beacontest.Write(t, root, filepath.Join("proc", pid, name), string(text))
	}
}

func TestConformance(t *testing.T) {
	ends := func(t *testing.T, root string) {
		if err := os.RemoveAll(filepath.Join(root, "proc/1")); err != nil {
			t.Fatal(err)
		}
	}
	for _, kernel := range []string{"6.1", "6.18"} {
		tree := beacontest.Files(kernels+kernel+"/a", "proc/uptime", "proc/1/stat", "proc/1/cmdline")
		beacontest.Run(t, Module(),
			beacontest.Case{Name: kernel + ", a process begins", Config: `{all: {tell: [started, ended]}, none: {name: [nobody], tell: [started]}}`,
				Setup: tree, Act: own, Tags: []string{"all/started"}},
			beacontest.Case{Name: kernel + ", the only one ends", Config: `{all: {name: ['*'], tell: [ended, crashed], missing: {}}, many: {too_many: {above: 1}}}`,
				Setup: tree, Act: ends, Tags: []string{"all/ended", "all/missing"}},
		)
	}
}

// connector skips a test where the kernel does not tell of processes.
func connector(t *testing.T) {
	t.Helper()
	events, err := linux.OpenProcEvents()
	if err != nil {
		t.Skip("the kernel does not tell of processes here: ", err)
	}
	events.Close()
}

func start(t *testing.T, options string) *beacontest.Live {
	t.Helper()
	return beacontest.Start(t, Module(), options, beacons.Env{Interval: 50 * time.Millisecond})
}

// copyOf makes a program of its own name, so that nobody else's is meant.
func copyOf(t *testing.T, program, name string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every process is told, named, and with its exit code, though it ends at once.
func TestEveryProcessIsTold(t *testing.T) {
	connector(t)
	sh := copyOf(t, "/bin/sh", "brine-sh")
	l := start(t, `{w: {name: [brine-sh], tell: [started, failed, ended, crashed], missing: {}}}`)
	l.Next("w/missing") // the first look is over
	const count = 100
	var all []*exec.Cmd
	for i := range count {
		cmd := exec.Command(sh, "-c", "exit "+strconv.Itoa(i%2))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	got, named := map[string]int{}, 0
	for got["w/started"] < count || got["w/ended"]+got["w/failed"] < count {
		s := l.Find("of a process", func(s beacons.Signal) bool { return s.Data.(Data).PID != 0 })
		d := s.Data.(Data)
		got[s.Tag]++
		if d.PPID != int64(os.Getpid()) || d.UID == nil || *d.UID != int64(os.Geteuid()) || d.Name != "brine-sh" || d.Exe != "" && d.Exe != sh {
			t.Errorf("%+v", d)
		}
		if strings.HasPrefix(d.Cmdline, sh) {
			named++
		}
		if want, ends := map[string]int64{"w/ended": 0, "w/failed": 1}[s.Tag]; ends && (d.ExitCode == nil || *d.ExitCode != want || d.Signal != "") {
			t.Errorf("%s: %+v", s.Tag, d)
		}
	}
	if got["w/ended"] != count/2 || got["w/failed"] != count/2 {
		t.Errorf("%v, want %d of each end", got, count/2)
	}
	t.Logf("%d of %d with their command line: what is read of /proc comes after the fact", named, 2*count)
	for _, cmd := range all {
		_ = cmd.Wait() // with its exit code, which was looked at
	}
}

// A crash is told with its signal, a service that dies is missed, and found again.
func TestCrashAndMissing(t *testing.T) {
	connector(t)
	sleep := copyOf(t, "/bin/sleep", "brine-sleep")
	run := func() *exec.Cmd {
		cmd := exec.Command(sleep, "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	first := run()
	l := start(t, `{w: {name: [brine-sleep], cmdline: ['*/brine-sleep 1*'], tell: [crashed, failed], missing: {for: 50ms}, too_many: {above: 1}}}`)
	second := run()
	if d := l.Next("w/too_many").Data.(Data); d.Count != 2 || d.State != "entered" || d.Threshold != 1 {
		t.Errorf("%+v", d)
	}
	if err := second.Process.Signal(syscall.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	if d := l.Next("w/crashed").Data.(Data); d.PID != int64(second.Process.Pid) || d.Signal != "SIGSEGV" || d.ExitCode != nil || d.RunTime < 0 {
		t.Errorf("%+v", d)
	}
	l.Next("w/too_many/cleared")
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if d := l.Next("w/failed").Data.(Data); d.Signal != "SIGKILL" || d.Name != "brine-sleep" {
		t.Errorf("%+v", d)
	}
	l.Next("w/missing")
	run()
	if d := l.Next("w/missing/cleared").Data.(Data); d.Count != 1 || d.State != "left" {
		t.Errorf("%+v", d)
	}
}

func TestWild(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"a*c", "abc", true}, {"a*c", "abcd", false}, {"*a/b*", "x a/b --c", true},
		{"*a*a", "a", false}, {"a*a", "a", false}, {"*x*y*", "yx", false}, {"", "", true},
	} {
		if wild(tt.pattern, tt.s) != tt.want {
			t.Errorf("wild(%q, %q) is %v", tt.pattern, tt.s, !tt.want)
		}
	}
}

// A child that is as its parent is told where it stands for it, or where forks are asked for.
func TestForks(t *testing.T) {
	exit := func(code int) end { return end{true, linux.ProcEvent{Kind: linux.ProcExit, Status: code << 8}} }
	for _, tt := range []struct {
		name  string
		watch Watch
		run   func(*table)
		want  string
	}{
		{"a helper of its parent", Watch{Tell: []string{Started, Ended}}, func(t *table) { t.forked(1, 2, time.Time{}); t.exited(2, exit(0)) }, "started 1"},
		{"forks are asked for", Watch{Tell: []string{Started, Ended}, Forks: true}, func(t *table) { t.forked(1, 2, time.Time{}); t.exited(2, exit(0)) }, "started 1 started 2 ended 2"},
		{"a daemon", Watch{Tell: []string{Ended}}, func(t *table) { t.forked(1, 2, time.Time{}); t.exited(1, exit(0)); t.exited(2, exit(0)) }, "ended 1 ended 2"},
		{"a helper that fails", Watch{Tell: []string{Failed}}, func(t *table) { t.forked(1, 2, time.Time{}); t.exited(2, exit(1)); t.exited(1, exit(0)) }, "failed 2"},
		{"another program", Watch{Name: []string{"sh"}, Tell: []string{Started, Ended}}, func(t *table) {
			t.forked(1, 2, time.Time{})
			t.executed(&process{pid: 2, comm: "true"})
			t.exited(2, exit(0))
		}, "started 1"},
	} {
		var told []string
		tab := newTable([]Watch{tt.watch}, func(_ int, change string, p *process, _ *end) { told = append(told, change, strconv.Itoa(p.pid)) })
		tab.executed(&process{pid: 1, comm: "sh"})
		tt.run(tab)
		if got := strings.Join(told, " "); got != tt.want {
			t.Errorf("%s: told %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`w: {tell: [begun]}`:                        `w: tell: "begun"; want one of started`,
		`w: {name: [x]}`:                            "w: nothing is to be told",
		`w: {missing: {for: 10s}}`:                  "w: missing: of which processes?",
		`w: {name: [x], missing: {above: 1}}`:       "w: missing: above 1; want below",
		`w: {name: [x], too_many: {above: 30%}}`:    "w: too_many: 30% is a share",
		`w: {name: ['[a'], tell: [started]}`:        `w: name: "[a" is no pattern`,
		`w: {name: [x], missing: {for: 10s}, a: 1}`: "a",
	})
}
