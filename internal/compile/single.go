package compile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/job"
	"brine/states"
)

// SingleSLS stands where the low state of a single state names its SLS.
const SingleSLS = "single"

// Single gives the low state of one state that stands in no file, written module.function: {name: ..., ...}. What it takes from the file roots is
// found as for any other. The error is config.Faults.
func (c *Compiler) Single(ctx context.Context, body *config.Node) (job.LowState, error) {
	s := singleFile(body)
	if err := s.faults.Err(); err != nil {
		return job.LowState{}, err
	}
	roots, err := openRoots(c.dirs)
	if err != nil {
		return job.LowState{}, err
	}
	defer roots.close()
	r := &run{c: c, ctx: ctx, roots: roots, loaded: map[string]*slsFile{}, files: []*slsFile{s}}
	return r.compiled(false)
}

// singleFile is the SLS that the state would be in.
func singleFile(body *config.Node) *slsFile {
	s := &slsFile{name: SingleSLS}
	if body.Kind() != config.Map || len(body.Pairs()) != 1 {
		s.fault(body.Fault("want one state").WithHint("such as {file.managed: {name: /etc/motd, contents: ...}}"))
		return s
	}
	fun := body.Pairs()[0]
	args, faults := fun.Value.Flatten()
	s.faults = faults
	name := args.Get("name")
	if name.Kind() != config.Scalar || name.Text() == "" {
		s.fault(fun.Key.Fault("%s: name is required", fun.Key.Text()))
		return s
	}
	for _, p := range args.Pairs() {
		if slices.Contains([]string{"names", "require", "require_in", "enforce"}, p.Key.Text()) {
			s.fault(p.Key.Fault("%s belongs into a state file: a single state is applied once, by itself", p.Key.Text()))
		}
	}
	if len(s.faults) == 0 {
		s.id(name, body)
	}
	return s
}

// CheckSingle says what is wrong with a single state as a rule has it: with its function and arguments, as far as they hold no ${...}.
func CheckSingle(modules []states.Module, body *config.Node) config.Faults {
	s := singleFile(body)
	faults := s.faults
	c, err := New(Options{Modules: modules})
	if err != nil {
		return config.Faults{{Msg: err.Error()}}
	}
	r := &run{c: c}
	for _, d := range s.decls {
		create := c.funs[d.module+"."+d.function]
		if create == nil {
			faults = append(faults, r.unknownFunction(d))
			continue
		}
		st := create()
		known := append(config.Keys(st), "name")
		for _, p := range d.args.Pairs() {
			faults = append(faults, checkSingleArg(p, known)...)
		}
		faults = append(faults, d.args.Decode(st)...)
	}
	return faults
}

// checkSingleArg finds what no decoding does: a number that loses its zeros on its way, and what no event may choose.
func checkSingleArg(p config.Pair, known []string) (faults config.Faults) {
	key := p.Key.Text()
	if slices.Contains(laterArgs, key) && !slices.Contains(known, key) {
		faults = append(faults, p.Key.Fault("the argument %q is not supported", key))
	}
	if n, ok := p.Value.Value().(int64); ok && fmt.Sprint(n) != p.Value.Text() {
		faults = append(faults, p.Value.Fault("%s: %s would become %d", key, p.Value.Text(), n).WithHint("put it in quotes"))
	}
	if (key == "check_cmd" || key == "source") && strings.Contains(p.Value.Text(), "${") {
		faults = append(faults, p.Key.Fault("%s cannot be a template", key).WithHint("no event has a say in it"))
	}
	return faults
}
