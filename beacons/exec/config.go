package exec

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"brine/beacons"
	"brine/internal/command"
)

// Bounds of a configuration.
const (
	maxExpr        = 4096
	defaultTimeout = 10 * time.Second
	maxTimeout     = 10 * time.Minute // the commands of one beacon wait for each other
)

// Config is what stands below "exec:": commands under names of the operator's own.
type Config struct {
	Commands map[string]Command `yaml:",rest"` // a command
}

// Command is what to run and what to tell of it.
type Command struct {
	Argv    []string          `yaml:"argv,required"` // the command and its arguments; no shell reads them
	Env     map[string]string `yaml:"env"`           // variables, beside PATH, HOME, LANG and TZ
	Cwd     string            `yaml:"cwd"`           // the folder to run in; / when nothing is said
	User    string            `yaml:"user"`          // whom to run as; the minion's own user when nothing is said
	Timeout time.Duration     `yaml:"timeout"`       // then its process group is stopped; 10s when nothing is said, at most 10m
	Tell    string            `yaml:"tell"`          // change: exit code or output; exit: the exit code only; always: each run; change when nothing is said
	Match   *Regexp           `yaml:"match"`         // only output that this matches is told, and of it only what matches is compared; its named groups are told
	JSON    bool              `yaml:"json"`          // the output is JSON, told as json; of two that mean the same none is a change
}

const (
	tellChange = "change"
	tellExit   = "exit"
	tellAlways = "always"
)

// Regexp is a regular expression in RE2's syntax.
type Regexp struct{ *regexp.Regexp }

// UnmarshalText reads one.
func (r *Regexp) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 || len(text) > maxExpr {
		return fmt.Errorf("the expression has %d bytes; want 1 to %d", len(text), maxExpr)
	}
	r.Regexp, err = regexp.Compile(string(text))
	return err
}

// Validate tells what is wrong with the commands.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Commands, func(name string, e Command) error {
		var faults []error
		if err := e.args().Validate(); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
		if e.Timeout < 0 || e.Timeout > maxTimeout {
			faults = append(faults, fmt.Errorf("%s: timeout: %s; want at most %s", name, e.Timeout, maxTimeout))
		}
		switch e.Tell {
		case "", tellChange, tellExit, tellAlways:
		default:
			faults = append(faults, fmt.Errorf("%s: tell: %q; want change, exit or always", name, e.Tell))
		}
		return errors.Join(faults...)
	})
}

// Programs implements beacons.Commanding.
func (c *Config) Programs() (list []beacons.Program) {
	for _, name := range slices.Sorted(maps.Keys(c.Commands)) {
		e := c.Commands[name]
		list = append(list, beacons.Program{Argv: e.Argv, Env: e.Env, Cwd: e.Cwd, User: e.User})
	}
	return list
}

// args is the command as it is run.
func (e Command) args() *command.Args {
	a := &command.Args{Argv: e.Argv, Env: e.Env, Cwd: e.Cwd, User: e.User, Timeout: e.Timeout}
	if a.Cwd == "" {
		a.Cwd = "/"
	}
	if a.Timeout == 0 {
		a.Timeout = defaultTimeout
	}
	return a
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }
