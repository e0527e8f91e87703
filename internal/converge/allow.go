package converge

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"brine/internal/event"
	"brine/internal/job"
)

// Allow is what this minion will do at all, whatever its master asks: the section "allow" of minion.yaml. Each list is read in
// order and the last pattern that matches decides; one that begins with '!' forbids. What no pattern matches is forbidden.
type Allow struct {
	Functions []string `yaml:"functions" json:"functions"` // of jobs: state.*, test.ping
	Commands  []string `yaml:"commands" json:"commands"`   // of cmd.run, where functions allow that: /usr/bin/systemctl restart *; '*' is one argument that is no option, a '**' at the end any others
	States    []string `yaml:"states" json:"states"`       // module.function of states: file.*, '!cmd.*'
	Paths     []string `yaml:"paths" json:"paths"`         // of states whose name is a path: '**' crosses slashes, '*' does not
}

// DefaultAllow is everything but commands.
func DefaultAllow() Allow {
	return Allow{
		Functions: []string{"state.*", "test.*", "beacon.*"},
		Commands:  []string{anyCommand},
		States:    []string{"*", "!cmd.*"},
		Paths:     []string{"/**"},
	}
}

// maxAllow bounds each list.
const maxAllow = 1024

// ErrNotAllowed is what every refusal of an Allow wraps.
var ErrNotAllowed = errors.New("this minion's configuration does not allow it (its section allow)")

// Validate says what is wrong with the patterns.
func (a Allow) Validate() error {
	for _, l := range []struct {
		name     string
		patterns []string
		check    func(string) error
	}{{"functions", a.Functions, checkName}, {"commands", a.Commands, checkCommand}, {"states", a.States, checkName}, {"paths", a.Paths, checkPathPattern}} {
		if len(l.patterns) > maxAllow {
			return fmt.Errorf("allow: %s has %d patterns; at most %d", l.name, len(l.patterns), maxAllow)
		}
		for _, p := range l.patterns {
			if err := l.check(strings.TrimPrefix(p, "!")); err != nil {
				return fmt.Errorf("allow: %s: %q: %w", l.name, p, err)
			}
		}
	}
	return nil
}

func checkName(p string) error {
	if p == "" || strings.ContainsAny(p, "/! \t") {
		return errors.New("want a name such as file.managed, or a pattern such as 'file.*'")
	}
	if module, _, dotted := strings.Cut(p, "."); !dotted && !strings.Contains(module, "*") {
		return fmt.Errorf("want module.function; everything of a module is '%s.*'", p)
	}
	return nil
}

func checkPathPattern(p string) error {
	if !strings.HasPrefix(p, "/") || p == "/" || path.Clean(p) != p {
		return errors.New("want an absolute path or pattern such as /etc/**")
	}
	_, err := event.ParsePattern(p[1:])
	return err
}

// Permits is nil when jobs of this function are carried out, or wraps ErrNotAllowed.
func (a Allow) Permits(fun string) error {
	if !lastMatch(a.Functions, func(p string) bool { return event.MatchSegment(p, fun) }) {
		return fmt.Errorf("function %q: %w", fun, ErrNotAllowed)
	}
	return nil
}

// PermitsState is nil when the state may be run, or wraps ErrNotAllowed. A name that begins with a slash is a path.
func (a Allow) PermitsState(low job.Low) error {
	if !lastMatch(a.States, func(p string) bool { return event.MatchSegment(p, low.Fun) }) {
		return fmt.Errorf("state %q: %w", low.Fun, ErrNotAllowed)
	}
	if !strings.HasPrefix(low.Name, "/") {
		return nil
	}
	if err := a.PermitsPath(low.Name); err != nil {
		return fmt.Errorf("state %q on the %w", low.Fun, err)
	}
	return nil
}

// PermitsPath is nil when an absolute path may be touched, or wraps ErrNotAllowed.
func (a Allow) PermitsPath(name string) error {
	clean := path.Clean(name)[1:]
	if !lastMatch(a.Paths, func(p string) bool { return matchPath(p, clean) }) {
		return fmt.Errorf("path %q: %w", name, ErrNotAllowed)
	}
	return nil
}

// PermitsLow is nil when every state of a low state may be run. Otherwise nothing of it should be.
func (a Allow) PermitsLow(low job.LowState) error {
	for _, l := range low.States {
		if err := a.PermitsState(l); err != nil {
			return fmt.Errorf("%s: %w", l.Key(), err)
		}
	}
	return nil
}

func matchPath(pattern, name string) bool {
	p, err := event.ParsePattern(strings.TrimPrefix(pattern, "/"))
	return err == nil && p.Match(name)
}

func lastMatch(patterns []string, match func(string) bool) bool {
	for i := len(patterns) - 1; i >= 0; i-- {
		if p, forbids := strings.CutPrefix(patterns[i], "!"); match(p) {
			return !forbids
		}
	}
	return false
}
