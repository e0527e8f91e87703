// Package compile turns state files (SLS), the top file and requisites into the low state of one minion: every state checked, in the
// order to run, its sources named by hash. It runs on the master, reads nothing outside the file roots, and must never
// know a session, a store or what a state does.
package compile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"brine/internal/config"
	"brine/internal/job"
	"brine/states"
)

// Bounds of one compilation.
const (
	MaxSLS      = 1000      // state files
	MaxStates   = 10000     // states
	MaxRequires = 100000    // requirements of one state of another
	MaxLow      = 768 << 10 // bytes of the low state's texts and arguments: it travels as one message
)

// ErrNothing is returned when a highstate is asked for and the top file has nothing for the minion.
var ErrNothing = errors.New("the top file has no states for this minion")

// Options are what a Compiler works on.
type Options struct {
	FileRoots []string        // folders of SLS files and their sources; the first that has a file wins
	Modules   []states.Module // every state there is
}

// Compiler compiles. It may be used by several goroutines at once.
type Compiler struct {
	dirs    []string
	funs    map[string]func() states.State // by module.function
	modules map[string]bool
	files   *slsCache
	content *contentCache

	manifests manifests
	maxTree   int // MaxTreeFiles
	now       func() time.Time
}

// New makes a compiler. The error names a module that is declared twice.
func New(opt Options) (*Compiler, error) {
	c := &Compiler{
		dirs:    append([]string(nil), opt.FileRoots...),
		funs:    map[string]func() states.State{},
		modules: map[string]bool{},
		files:   newSLSCache(),
		content: newContentCache(),
		now:     time.Now,
		maxTree: MaxTreeFiles,

		manifests: manifests{max: maxManifests},
	}
	for _, m := range opt.Modules {
		if m.Name == "" || c.modules[m.Name] {
			return nil, fmt.Errorf("state module %q is declared twice, or has no name", m.Name)
		}
		c.modules[m.Name] = true
		for name, fun := range m.Functions {
			c.funs[m.Name+"."+name] = fun
		}
	}
	return c, nil
}

// Compile gives the low state that the named SLS make for a minion; without any, those that the top file names for it: the
// highstate. The error is config.Faults, each with its place where it has one; or ErrNothing; or ctx's.
func (c *Compiler) Compile(ctx context.Context, minion string, grains map[string]any, sls []string) (job.LowState, error) {
	roots, err := openRoots(c.dirs)
	if err != nil {
		return job.LowState{}, err
	}
	defer roots.close()

	r := &run{c: c, ctx: ctx, roots: roots, loaded: map[string]*slsFile{}}
	names, err := r.wanted(minion, grains, sls)
	if err != nil {
		return job.LowState{}, err
	}
	for _, n := range names {
		r.load(n)
	}
	return r.compiled(len(sls) == 0)
}

// compiled makes the low state of the files that were read.
func (r *run) compiled(whole bool) (job.LowState, error) {
	r.declare()
	r.gather()
	requires := r.requisites()
	order := r.order(requires)
	if err := r.ctx.Err(); err != nil {
		return job.LowState{}, err
	}
	if err := r.faults.Err(); err != nil {
		return job.LowState{}, err
	}
	low := job.LowState{Source: r.names(), States: r.lows(order, requires), Whole: whole}
	low.Hash = job.HashStates(low.States)
	return low, checkSize(low)
}

// run is one compilation.
type run struct {
	c      *Compiler
	ctx    context.Context
	roots  *roots
	loaded map[string]*slsFile
	files  []*slsFile // in the order in which their states run
	states []*state   // as written
	faults config.Faults
}

func (r *run) fault(f config.Fault) { r.faults = append(r.faults, f) }

// names are those of the SLS that were read.
func (r *run) names() []string {
	out := make([]string, 0, len(r.files))
	for _, f := range r.files {
		out = append(out, f.name)
	}
	return out
}

func checkSize(low job.LowState) error {
	size := 0
	for _, l := range low.States {
		size += len(l.ID) + len(l.SLS) + len(l.Fun) + len(l.Name) + len(l.Args) + 8*len(l.Require) + 80*len(l.Content) + 64
	}
	if size > MaxLow {
		return config.Faults{{Msg: fmt.Sprintf("the low state has about %d bytes; at most %d", size, MaxLow),
			Hint: "give long contents by source"}}
	}
	return nil
}
