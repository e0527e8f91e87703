package process

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"brine/beacons"
)

// maxList bounds each list of a watch.
const maxList = 256

// Config is what stands below "process:": watches under names of the operator's own.
type Config struct {
	Watches map[string]Watch `yaml:",rest"` // a watch; naming one takes away the default
}

// Watch says which processes are meant, and what is told of them.
type Watch struct {
	Name    []string `yaml:"name"`     // the kernel's short name, or the last part of the program's path; '*' as in a shell
	Exe     []string `yaml:"exe"`      // the program's path; '*' as in a shell
	Cmdline []string `yaml:"cmdline"`  // arguments joined by spaces; '*' stands for anything
	User    []string `yaml:"user"`     // names or numbers
	Tell    []string `yaml:"tell"`     // what is told one by one: started, ended, failed, crashed
	Forks   bool     `yaml:"forks"`    // started and ended tell of processes too that execute no program of their own
	Missing *Few     `yaml:"missing"`  // fewer run than should; below 1 when only a duration is given
	TooMany *Many    `yaml:"too_many"` // more run than should
}

// Few is the limit below which processes are missing.
type Few struct{ beacons.Threshold }

// Many is the limit above which there are too many.
type Many struct{ beacons.Threshold }

// Validate leaves everything to Config.Validate, which knows the name.
func (*Few) Validate() error { return nil }

// Validate leaves everything to Config.Validate, which knows the name.
func (*Many) Validate() error { return nil }

func defaults() map[string]Watch { return map[string]Watch{"any": {Tell: []string{Crashed}}} }

// Validate tells what is wrong with the watches.
func (c *Config) Validate() error { return beacons.CheckLimits(c.Watches, checkWatch) }

func checkWatch(name string, w Watch) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
	for _, l := range []struct {
		option string
		list   []string
	}{{"name", w.Name}, {"exe", w.Exe}, {"cmdline", w.Cmdline}, {"user", w.User}} {
		if len(l.list) > maxList {
			fault("%s: %d entries; at most %d", l.option, len(l.list), maxList)
		}
		for _, p := range l.list {
			if _, err := path.Match(p, ""); p == "" || l.option != "cmdline" && err != nil {
				fault("%s: %q is no pattern", l.option, p)
			}
		}
	}
	for _, t := range w.Tell {
		if want := []string{Started, Ended, Failed, Crashed}; !slices.Contains(want, t) {
			fault("tell: %q; want one of %s", t, strings.Join(want, ", "))
		}
	}
	missing, many := w.missing(), w.tooMany()
	if missing.On() && missing.Above != nil {
		fault("missing: above %s; want below", missing.Above)
	}
	if many.On() && many.Below != nil {
		fault("too_many: below %s; want above", many.Below)
	}
	faults = append(faults, missing.Check(name+": missing", beacons.Plain, 0), many.Check(name+": too_many", beacons.Plain, 0))
	if w.counts() && len(w.Name)+len(w.Exe)+len(w.Cmdline)+len(w.User) == 0 && missing.On() {
		fault("missing: of which processes? want name, exe, cmdline or user")
	}
	if len(w.Tell) == 0 && !w.counts() {
		fault("nothing is to be told: want tell, missing or too_many")
	}
	return errors.Join(faults...)
}

// missing is the watch's limit, with its default.
func (w Watch) missing() *beacons.Threshold {
	if w.Missing == nil {
		return nil
	}
	t := w.Missing.Threshold
	if t.Above == nil && t.Below == nil {
		t.Below = beacons.Of(1, beacons.Plain)
	}
	return &t
}

func (w Watch) tooMany() *beacons.Threshold {
	if w.TooMany == nil {
		return nil
	}
	return &w.TooMany.Threshold
}

// counts reports whether the watch is about how many run, so that all processes must be known.
func (w Watch) counts() bool { return w.Missing != nil && !w.Missing.Off || w.tooMany().On() }

func (w Watch) tells(change string) bool { return slices.Contains(w.Tell, change) }

// meant compares a process with the watch.
func (w Watch) meant(p *process) bool {
	any := func(list []string, ok func(pattern string) bool) bool {
		return len(list) == 0 || slices.ContainsFunc(list, ok)
	}
	glob := func(pattern, s string) bool { ok, _ := path.Match(pattern, s); return ok }
	exe := strings.TrimSuffix(p.exe, " (deleted)")
	return any(w.Name, func(s string) bool { return glob(s, p.comm) || exe != "" && glob(s, path.Base(exe)) }) &&
		any(w.Exe, func(s string) bool { return glob(s, exe) }) &&
		any(w.Cmdline, func(s string) bool { return wild(s, p.cmdline) }) &&
		any(w.User, func(s string) bool { return p.user != "" && s == p.user || p.uid >= 0 && s == strconv.Itoa(p.uid) })
}

// wild matches a text where each '*' of the pattern stands for anything, a '/' too.
func wild(pattern, s string) bool {
	head, rest, more := strings.Cut(pattern, "*")
	s, ok := strings.CutPrefix(s, head)
	if !ok || !more {
		return ok && s == ""
	}
	for parts := strings.Split(rest, "*"); len(parts) > 0; parts = parts[1:] {
		if len(parts) == 1 {
			return strings.HasSuffix(s, parts[0])
		}
		if _, s, ok = strings.Cut(s, parts[0]); !ok {
			return false
		}
	}
	return true
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return newBeacon(c, env) }
