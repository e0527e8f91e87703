// Package beaconset reads which beacons are to run: what stands below "beacons:", with the options that every beacon has. It owns
// these options and the names of instances. It must never know who runs them, nor a particular beacon.
package beaconset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/config"
)

const (
	// MaxInstances bounds the beacons of one set.
	MaxInstances = 1000
	// MinInterval and MaxInterval bound the option interval.
	MinInterval = 100 * time.Millisecond
	// MaxInterval is one week.
	MaxInterval = 7 * 24 * time.Hour
	// MaxName bounds an instance's name, in bytes.
	MaxName = 64
)

// Common are the options that every beacon has, beside its own.
type Common struct {
	// Enabled is false for what is configured and does not run.
	Enabled bool `yaml:"enabled"`
	// Interval is how often a beacon samples. The default is the module's; one that does not sample has none.
	Interval time.Duration `yaml:"interval"`
	// OnChangeOnly holds back an event whose data are those of the last one under the same tag.
	OnChangeOnly bool `yaml:"onchangeonly"`
	// EmitAtStartup has it tell how things are when the minion starts, though nothing has changed.
	EmitAtStartup bool `yaml:"emitatstartup"`
	// DisableDuringStateRun keeps what a state run does from being told as somebody else's change.
	DisableDuringStateRun bool `yaml:"disable_during_state_run"`
	// BeaconModule is the kind, where the instance has a name of its own.
	BeaconModule string `yaml:"beacon_module"`
}

// CommonKeys are the names of these options: no module has one of them.
func CommonKeys() []string { return config.Keys(&Common{}) }

// Instance is one beacon to be run.
type Instance struct {
	Name   string // in tags
	Module beacons.Module
	Config beacons.Config // nil when Faults says why
	Common Common
	Text   string // its options on one line: what did not change is left alone
	From   string // where it stands: file:line
}

// Read reads a map of instances, by name, in Salt's form (a list of maps each) or as plain maps. What has faults is left out, and they are told.
func Read(n *config.Node, modules []beacons.Module) ([]Instance, config.Faults) {
	switch n.Kind() {
	case config.Null:
		return nil, nil
	case config.Map:
	default:
		return nil, config.Faults{n.Fault("beacons: want a map of beacons").WithHint("beacons: {file: {paths: {/etc/motd: {}}}}")}
	}
	if len(n.Pairs()) > MaxInstances {
		return nil, config.Faults{n.Fault("beacons: %d of them; at most %d", len(n.Pairs()), MaxInstances)}
	}
	var list []Instance
	var faults config.Faults
	for _, p := range n.Pairs() {
		in, f := ReadOne(p.Key, p.Value, modules)
		if len(f) > 0 {
			faults = append(faults, f...)
			continue
		}
		list = append(list, in)
	}
	return list, faults
}

// ReadOne reads one instance.
func ReadOne(name, options *config.Node, modules []beacons.Module) (Instance, config.Faults) {
	options, faults := options.Flatten() // Salt writes them as a list of maps
	if len(faults) > 0 {
		return Instance{}, faults
	}
	m, faults := moduleOf(name, options, modules)
	if len(faults) > 0 {
		return Instance{}, faults
	}
	in := Instance{Name: name.Text(), Module: m, Common: Common{Enabled: true, Interval: m.Interval}, From: fmt.Sprintf("%s:%d", name.File(), name.Line())}
	own := options.Without(CommonKeys()...)
	common := options.Without(keys(own)...)
	faults = common.Decode(&in.Common)
	faults = append(faults, in.check(common)...)
	in.Config = m.Config()
	faults = append(faults, own.Decode(in.Config)...)
	in.Text = m.Name + " " + config.Flow(options)
	return in, faults
}

func keys(n *config.Node) []string {
	var names []string
	for _, p := range n.Pairs() {
		names = append(names, p.Key.Text())
	}
	return names
}

// moduleOf finds the kind of an instance.
func moduleOf(name, options *config.Node, modules []beacons.Module) (beacons.Module, config.Faults) {
	known := make([]string, 0, len(modules))
	find := func(kind string) int {
		return slices.IndexFunc(modules, func(m beacons.Module) bool { return m.Name == kind })
	}
	for _, m := range modules {
		known = append(known, m.Name)
	}
	own := find(name.Text())
	kind := options.Get("beacon_module")
	if kind.Kind() == config.Null {
		if own < 0 {
			f := config.UnknownKey(name, known)
			if config.Nearest(name.Text(), known) == "" {
				f = name.Fault("there is no beacon %q", shorten(name.Text())).WithHint("an instance under a name of its own says of what kind it is: beacon_module: file")
			}
			return beacons.Module{}, config.Faults{f}
		}
		return modules[own], nil
	}
	i := find(kind.Text())
	switch {
	case i < 0:
		return beacons.Module{}, config.Faults{kind.Fault("beacon_module: there is no beacon %q", shorten(kind.Text())).WithHint(config.Suggest(kind.Text(), known))}
	case own >= 0 && own != i:
		return beacons.Module{}, config.Faults{name.Fault("%q is a beacon of its own and cannot be the name of another", name.Text()).
			WithHint("rules know by the name what an event carries: call it " + kind.Text() + "-" + name.Text())}
	}
	if err := CheckName(name.Text()); err != nil {
		return beacons.Module{}, config.Faults{name.Fault("%v", err)}
	}
	return modules[i], nil
}

// CheckName says what is wrong with an instance's name: it stands in tags.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("the name %q has %d bytes; want 1 to %d", shorten(name), len(name), MaxName)
	case strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	}):
		return fmt.Errorf("the name %q cannot stand in a tag: want letters, digits, '.', '_', '-'", name)
	}
	return nil
}

// check sees that the common options make sense for this kind.
func (in *Instance) check(n *config.Node) (faults config.Faults) {
	m := in.Module
	if at := n.Get("interval"); at.Kind() != config.Null {
		switch iv := in.Common.Interval; {
		case m.Interval == 0:
			faults = append(faults, at.Fault("interval: %s does not sample: it is told by the kernel, or has an interval of its own", m.Name))
		case iv < MinInterval || iv > MaxInterval:
			faults = append(faults, at.Fault("interval is %s; want %s to %s", iv, MinInterval, MaxInterval))
		}
	}
	if at := n.Get("emitatstartup"); in.Common.EmitAtStartup && !m.AtStart {
		faults = append(faults, at.Fault("emitatstartup: %s has nothing to tell at the start: it tells changes, those of the time it did not run among them", m.Name))
	}
	return faults
}

// Merge puts own over fleet, by name, in order of names.
func Merge(fleet, own []Instance) []Instance {
	byName := map[string]Instance{}
	for _, list := range [][]Instance{fleet, own} {
		for _, in := range list {
			byName[in.Name] = in
		}
	}
	out := make([]Instance, 0, len(byName))
	for _, in := range byName {
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b Instance) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func shorten(s string) string { return s[:min(len(s), MaxName)] }
