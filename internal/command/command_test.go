package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"brine/internal/job"
)

func TestRun(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH"))
	t.Setenv("SECRET_OF_THE_MASTER", "x")
	t.Setenv("LD_PRELOAD", "")
	script := filepath.Join(t.TempDir(), "not executable")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		c    Command
		want job.Result // its Error is a part of the real one
	}{
		{"what it prints", Command{Argv: []string{"sh", "-c", "echo out; echo err >&2"}}, job.Result{OK: true, Stdout: "out\n", Stderr: "err\n"}},
		{"exit code", Command{Argv: []string{"sh", "-c", "exit 3"}}, job.Result{Exit: 3, Error: "exit status 3"}},
		{"killed", Command{Argv: []string{"sh", "-c", "kill -9 $$"}}, job.Result{Exit: -1, Error: "signal: killed"}},
		{"stdin", Command{Argv: []string{"cat"}, Stdin: []byte("the event")}, job.Result{OK: true, Stdout: "the event"}},
		{"stdin that nobody reads", Command{Argv: []string{"true"}, Stdin: make([]byte, 1<<20)}, job.Result{OK: true}},
		{"arguments are not split, expanded or read by a shell", Command{Argv: []string{"printf", "%s|", "a b", "$HOME", "`id`", "*", ""}},
			job.Result{OK: true, Stdout: "a b|$HOME|`id`|*||"}},
		{"nothing of the master's environment but a few", Command{Argv: []string{"sh", "-c", "echo ${SECRET_OF_THE_MASTER-none} ${PATH:+path}"}},
			job.Result{OK: true, Stdout: "none path\n"}},
		{"its own environment", Command{Argv: []string{"sh", "-c", "echo $A $LANG $BRINE_JOB_ID $BRINE_ATTEMPT"}, JID: "j1", Attempt: 2,
			Env: map[string]string{"A": "1 2", "LANG": "C", "BRINE_JOB_ID": "forged"}}, job.Result{OK: true, Stdout: "1 2 C j1 2\n"}},
		{"output that is no UTF-8", Command{Argv: []string{"printf", `a\377b`}}, job.Result{OK: true, Stdout: "a\uFFFDb"}},
		{"no command", Command{}, job.Result{Error: "no command"}},
		{"no such command", Command{Argv: []string{"/no/such"}}, job.Result{Error: "no such file"}},
		{"not executable", Command{Argv: []string{script}}, job.Result{Error: "permission denied"}},
		{"an argument with a zero byte", Command{Argv: []string{"echo", "a\x00b"}}, job.Result{Error: "invalid argument"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Run(context.Background(), tt.c)
			if got.OK != tt.want.OK || got.Exit != tt.want.Exit || got.Stdout != tt.want.Stdout || got.Stderr != tt.want.Stderr {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if !strings.Contains(got.Error, tt.want.Error) || (got.Error == "") != got.OK {
				t.Errorf("error %q, want %q", got.Error, tt.want.Error)
			}
			if got.Started.IsZero() || len(tt.c.Argv) > 0 && got.Took <= 0 {
				t.Errorf("started %s, took %s", got.Started, got.Took)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	r := Run(context.Background(), Command{Argv: []string{"sh", "-c", "echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last"}})
	if !r.OK || len(r.Stdout) > MaxOutput+100 {
		t.Fatalf("%d bytes, %s", len(r.Stdout), r.Error)
	}
	if !strings.HasPrefix(r.Stdout, "first\n") || !strings.HasSuffix(r.Stdout, "\nlast\n") || !strings.Contains(r.Stdout, "bytes left out") {
		t.Errorf("%.40s ... %s", r.Stdout, r.Stdout[len(r.Stdout)-40:])
	}
}

// Whatever is written in whatever pieces, the head and the tail are kept, and what is dropped is counted.
func TestOutputCounts(t *testing.T) {
	for _, size := range []int{1, 7, 1000, MaxOutput / 2, MaxOutput, 3 * MaxOutput} {
		var o output
		total := 0
		for total < 4*MaxOutput {
			p := []byte(strings.Repeat("x", size))
			if n, err := o.Write(p); n != size || err != nil {
				t.Fatal(n, err)
			}
			total += size
		}
		if len(o.head) != MaxOutput/2 || len(o.tail) != MaxOutput/2 || len(o.head)+len(o.tail)+o.dropped != total {
			t.Errorf("pieces of %d: head %d, tail %d, dropped %d of %d", size, len(o.head), len(o.tail), o.dropped, total)
		}
	}
}

// The command and everything that it has started are stopped at the timeout, also what does not listen to SIGTERM.
func TestTimeoutStopsTheWholeGroup(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"one that ends at once":            "echo $$ >> pids; exec sleep 1000",
		"children in the background":       "echo $$ >> pids; sleep 1000 & echo $! >> pids; sleep 1000 & echo $! >> pids; wait",
		"one that ignores SIGTERM":         "trap '' TERM; echo $$ >> pids; while :; do sleep 0.05; done",
		"a child that ignores SIGTERM":     "echo $$ >> pids; sh -c 'trap \"\" TERM; echo $$ >> pids; while :; do sleep 0.05; done' & wait",
		"one that says it went well in it": "trap 'exit 0' TERM; echo $$ >> pids; while :; do sleep 0.05; done",
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r := Run(context.Background(), Command{Argv: []string{"sh", "-c", "cd " + dir + " && " + script}, Timeout: 300 * time.Millisecond})
			if r.OK || r.Error != "stopped after its timeout of 300ms" {
				t.Errorf("%+v", r)
			}
			text, err := os.ReadFile(filepath.Join(dir, "pids"))
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Fields(string(text)) {
				pid, err := strconv.Atoi(line)
				if err != nil {
					t.Fatal(err)
				}
				gone(t, pid)
			}
		})
	}
}

// gone waits until a process has ended. What was killed may take a moment to be reaped by whoever inherited it, and then is a zombie.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d lives", pid)
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	go func() {
		_, _ = read.Read(make([]byte, 1)) // it runs
		cancel()
	}()
	r := Run(ctx, Command{Argv: []string{"sh", "-c", "echo > /proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(write.Fd())) + "; exec sleep 1000"}})
	if r.OK || r.Error == "" || strings.Contains(r.Error, "timeout") {
		t.Errorf("%+v", r)
	}
}

// A command that leaves something running with its output open ends nevertheless.
func TestDaemonLeftBehind(t *testing.T) {
	t.Parallel()
	r := Run(context.Background(), Command{Argv: []string{"sh", "-c", "sleep 1000 & echo $!"}, Timeout: time.Minute})
	pid, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
	if err != nil {
		t.Fatal(r, err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	if !r.OK || r.Exit != 0 || r.Took < killWait {
		t.Errorf("%+v", r)
	}
}
