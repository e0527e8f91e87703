package compile

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
)

// state is one declaration with one name, checked and encoded.
type state struct {
	decl *decl
	sls  *slsFile
	low  job.Low
	st   states.State
}

// fault is one at a node of the state's, with its id.
func (d *decl) fault(n *config.Node, format string, args ...any) config.Fault {
	f := n.Fault(format, args...)
	f.Msg = "state \"" + d.id.Text() + "\": " + f.Msg
	return f
}

// declare makes the states of every file, in the order written.
func (r *run) declare() {
	ids := map[string]*decl{}
	for _, s := range r.files {
		for _, d := range s.decls {
			if first := ids[d.id.Text()]; first != nil && first.id != d.id {
				r.fault(d.fault(d.id, "this id stands in %s:%d already", first.id.File(), first.id.Line()).WithHint("an id stands in one SLS"))
				continue
			}
			ids[d.id.Text()] = d
			if len(r.states) >= MaxStates {
				r.fault(d.fault(d.id, "more than %d states", MaxStates))
				return
			}
			r.make(s, d)
		}
	}
}

// make makes the states of one declaration: one for each of its names.
func (r *run) make(s *slsFile, d *decl) {
	create := r.c.funs[d.module+"."+d.function]
	if create == nil {
		r.fault(r.unknownFunction(d))
		return
	}
	if len(d.names) == 0 {
		name := d.args.Get("name")
		if name.Kind() == config.Null {
			name = d.id
		}
		r.makeOne(s, d, create(), name)
	}
	for _, name := range d.names {
		r.makeOne(s, d, create(), name)
	}
}

func (r *run) unknownFunction(d *decl) config.Fault {
	fun := d.module + "." + d.function
	var known []string
	for k := range r.c.funs {
		if module, _, _ := strings.Cut(k, "."); !r.c.modules[d.module] || module == d.module {
			known = append(known, k)
		}
	}
	slices.Sort(known)
	return d.fault(d.fun, "unknown function %q", fun).WithHint(config.Suggest(fun, known))
}

// common are the arguments that every state has.
var common = []string{"name", "names", "require", "require_in", "enforce"}

// laterArgs are Salt's that Brine does not have: not to be mistaken for misspelt ones.
var laterArgs = []string{"watch", "watch_in", "watch_any", "onchanges", "onchanges_in", "onchanges_any", "onfail", "onfail_in", "prereq", "prereq_in", "use", "use_in", "listen",
	"listen_in", "require_any", "order", "onlyif", "unless", "creates", "check_cmd", "failhard", "retry", "runas", "fire_event", "aggregate", "parallel", "reload_modules"}

// makeOne decodes, checks and encodes one state.
func (r *run) makeOne(s *slsFile, d *decl, st states.State, name *config.Node) {
	known := append(config.Keys(st), common...)
	args, faults := d.args, config.Faults{}
	for _, p := range d.args.Pairs() {
		switch key := p.Key.Text(); {
		case slices.Contains(known, key):
			continue
		case slices.Contains(laterArgs, key):
			faults = append(faults, p.Key.Fault("the argument %q is not supported", key))
		default:
			faults = append(faults, p.Key.Fault("unknown argument %q of %s.%s", key, d.module, d.function).WithHint(config.Suggest(key, known)))
		}
		args = args.Without(p.Key.Text())
	}
	enforce, bad := enforced(args.Get("enforce"), st)
	faults = append(faults, bad...)
	faults = append(faults, args.Without("enforce").With("name", name).Decode(st)...)
	low := job.Low{Enforce: enforce, ID: d.id.Text(), SLS: s.name, Fun: d.module + "." + d.function, Name: name.Text()}
	if len(faults) == 0 {
		low.Content, faults = r.sources(d, st)
		more, bad := r.trees(d, st)
		low.Content, faults = together(low.Content, more), append(faults, bad...)
	}
	if len(faults) == 0 {
		data, err := event.Encode(st)
		if err != nil {
			faults = append(faults, d.fun.Fault("%s", err))
		}
		low.Args = data
	}
	for _, f := range faults {
		f.Msg = "state \"" + d.id.Text() + "\": " + f.Msg
		r.fault(f)
	}
	r.states = append(r.states, &state{d, s, low, st})
}

// enforced reads enforce: true, warn or false.
func enforced(n *config.Node, st states.State) (job.Enforce, config.Faults) {
	if n.Kind() == config.Null {
		return job.EnforceNot, nil
	}
	mode := job.Enforce(n.Text())
	if b, ok := n.Value().(bool); ok {
		mode = job.EnforceNot
		if b {
			mode = job.EnforceTrue
		}
	}
	_, watched := st.(states.Watched)
	switch {
	case mode != job.EnforceNot && mode != job.EnforceTrue && mode != job.EnforceWarn:
		return "", config.Faults{n.Fault("enforce is %q; want true, warn or false", n.Text())}
	case mode != job.EnforceNot && !watched:
		return "", config.Faults{n.Fault("this state cannot be enforced: no beacon would notice that it drifts")}
	}
	return mode, nil
}

// sources fills in hash and size of what the state takes from the file roots.
func (r *run) sources(d *decl, st states.State) (content []job.Content, faults config.Faults) {
	sourced, ok := st.(states.Sourced)
	if !ok {
		return nil, nil
	}
	for _, src := range sourced.Sources() {
		at := d.sourceNode(src.URL)
		rel, err := sourcePath(src.URL)
		if err != nil {
			faults = append(faults, at.Fault("source %q: %s", src.URL, err))
			continue
		}
		c, err := r.c.content.hash(r, rel)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			faults = append(faults, at.Fault("source %q: there is no such file in the file roots", src.URL).WithHint(r.roots.nearest(rel)))
		case err != nil:
			faults = append(faults, at.Fault("source %q: %s", src.URL, err))
		default:
			src.Hash, src.Size = c.Hash, c.Size
			if src.WithMode {
				src.Mode, err = r.roots.modeOf(rel)
				if err != nil {
					faults = append(faults, at.Fault("source %q: %s", src.URL, err))
				}
			}
			if !slices.Contains(content, c) {
				content = append(content, c)
			}
		}
	}
	return content, faults
}

// sourcePath is the path below a file root that brine://path or salt://path names.
func sourcePath(url string) (string, error) {
	rel, ok := strings.CutPrefix(url, "brine://")
	if !ok {
		rel, ok = strings.CutPrefix(url, "salt://")
	}
	switch {
	case !ok:
		return "", errors.New("want brine://path or salt://path below the file roots")
	case strings.Contains(rel, "?"):
		return "", errors.New("'?' and what follows is not supported")
	case rel == "" || strings.HasSuffix(rel, "/"):
		return "", errors.New("want the path of a file")
	case strings.HasPrefix(rel, "/") || !filepath.IsLocal(rel) || strings.ContainsRune(rel, 0):
		return "", errors.New("leads out of the file roots")
	}
	return path.Clean(rel), nil
}
