package compile

import (
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/job"
)

// index finds states by what requisites name.
type index struct {
	byRef map[refKey][]int    // by id or name, with its module or with ""
	bySLS map[string][]int    // the states of an SLS
	files map[string]*slsFile // by name
}

type refKey struct{ module, ref string }

func (r *run) index() index {
	x := index{map[refKey][]int{}, map[string][]int{}, r.loaded}
	for i, s := range r.states {
		for _, ref := range slices.Compact([]string{s.low.ID, s.low.Name}) {
			for _, module := range []string{s.decl.module, ""} {
				x.byRef[refKey{module, ref}] = append(x.byRef[refKey{module, ref}], i)
			}
		}
		x.bySLS[s.sls.name] = append(x.bySLS[s.sls.name], i)
	}
	return x
}

// edge is one requirement: the state to, and where it is written.
type edge struct {
	to int
	at *config.Node
}

// requisites gives for each state those that must have succeeded before.
func (r *run) requisites() [][]edge {
	x := r.index()
	out := make([][]edge, len(r.states))
	sum := 0
	add := func(from, to int, q requisite) {
		if sum++; sum <= MaxRequires {
			out[from] = append(out[from], edge{to, q.ref})
		}
	}
	for i, s := range r.states {
		for _, q := range s.decl.require {
			for _, to := range r.resolve(x, s.decl, q) {
				add(i, to, q)
			}
		}
		for _, q := range s.decl.requireIn {
			for _, from := range r.resolve(x, s.decl, q) {
				add(from, i, q)
			}
		}
		if sum > MaxRequires {
			r.fault(s.decl.fault(s.decl.id, "more than %d requirements in all", MaxRequires))
			break
		}
	}
	return out
}

func (r *run) resolve(x index, d *decl, q requisite) []int {
	ref := q.ref.Text()
	if q.module == "sls" {
		if x.files[ref] == nil {
			r.fault(d.fault(q.ref, "requires the SLS %q, which is not part of this run", ref).WithHint("include it"))
			return nil
		}
		return x.sls(ref, map[string]bool{})
	}
	found := x.byRef[refKey{q.module, ref}]
	if len(found) == 0 {
		r.fault(r.unknownState(x, d, q))
	}
	return found
}

// sls are the states of an SLS, or if it has none of its own, of those it includes.
func (x index) sls(name string, seen map[string]bool) []int {
	if own := x.bySLS[name]; len(own) > 0 || seen[name] || x.files[name] == nil {
		return own
	}
	seen[name] = true
	var out []int
	for _, n := range x.files[name].incl {
		if incl, err := x.files[name].absolute(n.Text()); err == nil {
			out = append(out, x.sls(incl, seen)...)
		}
	}
	return out
}

func (r *run) unknownState(x index, d *decl, q requisite) config.Fault {
	ref := q.ref.Text()
	what := ref
	var known, modules []string
	for k := range x.byRef {
		if k.module == q.module {
			known = append(known, k.ref)
		}
		if k.module != "" && k.ref == ref {
			modules = append(modules, k.module)
		}
	}
	if q.module != "" {
		what = q.module + ": " + ref
	}
	slices.Sort(known)
	slices.Sort(modules)
	hint := ""
	if near := config.Nearest(ref, known); near != "" {
		hint = "did you mean " + near + "?"
	} else if len(modules) > 0 {
		hint = "there is " + modules[0] + ": " + ref
	}
	return d.fault(q.ref, "requires %q, which is no state of this run", what).WithHint(hint)
}

// order is the states as they run: as written, but that what a state requires comes right before it. A ring is a fault.
func (r *run) order(requires [][]edge) []int {
	o := &ordering{run: r, requires: requires, mark: make([]int8, len(r.states))}
	for i := range r.states {
		if o.mark[i] == 0 {
			o.visit(i)
		}
	}
	return o.out
}

type ordering struct {
	*run
	requires [][]edge
	mark     []int8 // 1: on the path, 2: placed
	path     []int
	out      []int
}

func (o *ordering) visit(i int) {
	o.mark[i] = 1
	o.path = append(o.path, i)
	for _, e := range o.requires[i] {
		switch o.mark[e.to] {
		case 0:
			o.visit(e.to)
		case 1:
			o.ring(i, e)
		}
	}
	o.path = o.path[:len(o.path)-1]
	o.mark[i] = 2
	o.out = append(o.out, i)
}

// ring is the fault for a requirement that closes a circle; it names the way round.
func (o *ordering) ring(i int, e edge) {
	const most = 12 // states named
	var way []string
	for _, k := range o.path[slices.Index(o.path, e.to):] {
		way = append(way, o.states[k].low.Key())
	}
	if len(way) > most {
		way = append(way[:most-1], "...", way[len(way)-1])
	}
	way = append(way, o.states[e.to].low.Key())
	o.fault(o.states[i].decl.fault(e.at, "requisites form a ring: %s", strings.Join(way, " -> ")))
}

// lows are the states in order, with their requirements as indices into that order.
func (r *run) lows(order []int, requires [][]edge) []job.Low {
	at := make([]int, len(r.states))
	for pos, i := range order {
		at[i] = pos
	}
	out := make([]job.Low, 0, len(order))
	for _, i := range order {
		low := r.states[i].low
		for _, e := range requires[i] {
			low.Require = append(low.Require, at[e.to])
		}
		slices.Sort(low.Require)
		low.Require = slices.Compact(low.Require)
		out = append(out, low)
	}
	return out
}
