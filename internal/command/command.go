// Package command runs a command, on the master's host or a minion's. It owns the process and what it prints; it must never
// know where the command came from.
package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"syscall"
	"time"

	"brine/internal/job"
)

// Bounds of a command.
const (
	DefaultTimeout = time.Minute
	MaxTimeout     = time.Hour
	MaxOutput      = 32 << 10        // bytes kept of stdout and of stderr each; the first half and the last
	killWait       = 5 * time.Second // between SIGTERM and SIGKILL, and for its pipes to close
)

// Command is what to run: an argument vector, never a shell's line.
type Command struct {
	Argv    []string
	Env     map[string]string // beside PATH, HOME, LANG and TZ of the daemon
	Dir     string            // where to run; empty: where the daemon runs
	User    string            // whom to run as; empty: ourselves
	Stdin   []byte
	Timeout time.Duration // 0 is DefaultTimeout
	JID     string        // BRINE_JOB_ID, so that the command can tell a repetition
	Attempt int           // BRINE_ATTEMPT, from 1
}

// Run runs the command in a process group of its own and waits for its end; at the timeout, and when ctx ends, the
// whole group is stopped. The result says how it went; that it went wrong is no Go error.
func Run(ctx context.Context, c Command) (r job.Result) {
	r.Started = time.Now()
	defer func() { r.Took = time.Since(r.Started) }()
	if len(c.Argv) == 0 {
		r.Error = "no command"
		return r
	}
	who, home, err := credential(c.User)
	if err != nil {
		r.Error = err.Error()
		return r
	}
	timeout := min(c.Timeout, MaxTimeout)
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var stdout, stderr output
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.environment(home), bytes.NewReader(c.Stdin), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who}
	cmd.Dir = c.Dir
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killWait
	err = cmd.Run()
	if cmd.Process != nil && ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what of the group ignored SIGTERM; ESRCH when nothing did
	}
	r.Stdout, r.Stderr = stdout.String(), stderr.String()
	if cmd.ProcessState != nil {
		r.Exit = cmd.ProcessState.ExitCode()
	}
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil: // it went well, and what it left behind holds its output open
		r.OK = true
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.Error = "stopped after its timeout of " + timeout.String()
	default:
		r.Error = err.Error()
	}
	return r
}

func (c Command) environment(home string) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ"} {
		if v, ok := os.LookupEnv(name); name == "HOME" && home != "" {
			env = append(env, "HOME="+home)
		} else if ok {
			env = append(env, name+"="+v)
		}
	}
	names := make([]string, 0, len(c.Env))
	for name := range c.Env {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		env = append(env, name+"="+c.Env[name])
	}
	return append(env, "BRINE_JOB_ID="+c.JID, "BRINE_ATTEMPT="+strconv.Itoa(c.Attempt))
}

// output keeps the beginning and the end of what is written to it.
type output struct {
	head, tail []byte
	dropped    int
}

func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	if room := MaxOutput/2 - len(o.head); room > 0 {
		take := min(room, len(p))
		o.head = append(o.head, p[:take]...)
		p = p[take:]
	}
	o.tail = append(o.tail, p...)
	if over := len(o.tail) - MaxOutput/2; over > 0 {
		o.dropped += over
		o.tail = append(o.tail[:0], o.tail[over:]...)
	}
	return n, nil
}

func (o *output) String() string {
	middle := ""
	if o.dropped > 0 {
		middle = "\n[... " + strconv.Itoa(o.dropped) + " bytes left out ...]\n"
	}
	return string(bytes.ToValidUTF8(append(append(o.head, middle...), o.tail...), []byte("\uFFFD")))
}
