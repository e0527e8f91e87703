package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Bounds of what a command is given.
const (
	maxArgv  = 1024
	maxGiven = 128 << 10 // bytes of arguments, environment and input together: an event must hold them
)

// Args are what a cmd.run is asked for.
type Args struct {
	Argv    []string          `yaml:"argv,required"` // the command and its arguments; no shell reads them
	Env     map[string]string `yaml:"env"`           // variables, beside PATH, HOME, LANG and TZ
	Cwd     string            `yaml:"cwd"`           // the folder to run in; / without it
	User    string            `yaml:"user"`          // whom to run as; the minion's own user without it
	Stdin   string            `yaml:"stdin"`         // its input; none without it
	Timeout time.Duration     `yaml:"timeout"`       // then its process group is stopped; at most 1h
}

// Validate says what the kernel could not pass on, and what is past a bound.
func (a *Args) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	size := len(a.Stdin)
	if len(a.Argv) == 0 || a.Argv[0] == "" {
		fault("argv: the command is empty")
	} else if len(a.Argv) == 1 && strings.ContainsAny(a.Argv[0], " \t\n") {
		fault("argv: %.100q is one word with spaces: no shell is run, so give a list: [%s]", a.Argv[0], strings.Join(strings.Fields(a.Argv[0]), ", "))
	}
	if len(a.Argv) > maxArgv {
		fault("argv: %d arguments; at most %d", len(a.Argv), maxArgv)
	}
	for _, s := range a.Argv {
		size += len(s)
		if strings.ContainsRune(s, 0) {
			fault("argv: %.100q holds a zero byte", s)
		}
	}
	for name, v := range a.Env {
		size += len(name) + len(v)
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(v, 0) {
			fault("env: %.100q is no variable", name+"="+v)
		}
	}
	if size > maxGiven {
		fault("argv, env and stdin have %d bytes; at most %d", size, maxGiven)
	}
	if a.Cwd != "" && !filepath.IsAbs(a.Cwd) {
		fault("cwd: %q is not absolute", a.Cwd)
	}
	if a.Timeout < 0 || a.Timeout > MaxTimeout {
		fault("timeout: %s; want at most %s", a.Timeout, MaxTimeout)
	}
	return errors.Join(faults...)
}

// Command is the command to run.
func (a *Args) Command(jid string, attempt int) Command {
	return Command{Argv: a.Argv, Env: a.Env, Dir: a.Cwd, User: a.User, Stdin: []byte(a.Stdin), Timeout: a.Timeout, JID: jid, Attempt: attempt}
}

// Plain is the arguments as a job carries them.
func (a *Args) Plain() map[string]any {
	m := map[string]any{"argv": a.Argv}
	for name, v := range map[string]string{"cwd": a.Cwd, "user": a.User, "stdin": a.Stdin} {
		if v != "" {
			m[name] = v
		}
	}
	if len(a.Env) > 0 {
		m["env"] = a.Env
	}
	if a.Timeout > 0 {
		m["timeout"] = a.Timeout.String()
	}
	return m
}
