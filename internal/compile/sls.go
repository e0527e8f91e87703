package compile

import (
	"strings"

	"brine/internal/config"
)

// slsFile is one state file, read but not looked up: it depends on nothing but its text, and is never changed.
type slsFile struct {
	name   string // with dots, such as web.nginx
	init   bool   // it is an init.sls: its own folder is where its relative includes begin
	file   string // for messages
	incl   []*config.Node
	decls  []*decl
	faults config.Faults
}

// decl is one function of one state id.
type decl struct {
	id        *config.Node
	fun       *config.Node // where the function is named
	module    string
	function  string
	args      *config.Node   // a map, without what follows
	names     []*config.Node // one state each; none is the id's or the argument's
	require   []requisite
	requireIn []requisite
}

// requisite is a state, or several, as named in require: by module and id or name, by id or name alone (module ""), or a
// whole SLS (module "sls").
type requisite struct {
	module string
	ref    *config.Node
}

// Top-level keys of an SLS that are no ids.
const (
	keyInclude = "include"
	keyExtend  = "extend"
	keyExclude = "exclude"
)

// parseSLS never fails: what is wrong is in faults.
func parseSLS(name string, init bool, file string, text []byte) *slsFile {
	s := &slsFile{name: name, init: init, file: file}
	root, faults := config.Parse(file, text)
	if len(faults) > 0 {
		if f, ok := templated(file, text); ok {
			faults = config.Faults{f}
		}
		s.faults = faults
		return s
	}
	if root.Kind() != config.Map {
		s.faults = config.Faults{root.Fault("SLS %q: want a map of state ids, not %s", name, root.Kind())}
		return s
	}
	for _, p := range root.Pairs() {
		switch p.Key.Text() {
		case keyInclude:
			s.include(p.Value)
		case keyExtend, keyExclude:
			s.fault(p.Key.Fault("SLS %q: %s is not supported", name, p.Key.Text()))
		default:
			s.id(p.Key, p.Value)
		}
	}
	return s
}

func (s *slsFile) fault(f config.Fault) { s.faults = append(s.faults, f) }

// templated is the fault for a text that is no YAML because it is a template yet.
func templated(file string, text []byte) (config.Fault, bool) {
	for i, line := range strings.Split(string(text), "\n") {
		for _, mark := range []string{"{%", "{{"} {
			if at := strings.Index(line, mark); at >= 0 {
				return config.Fault{File: file, Line: i + 1, Column: len([]rune(line[:at])) + 1,
					Msg: "this looks like a Jinja template, which is not rendered here", Hint: "write plain YAML"}, true
			}
		}
	}
	return config.Fault{}, false
}

func (s *slsFile) include(n *config.Node) {
	items := n.Items()
	if n.Kind() == config.Scalar {
		items = []*config.Node{n}
	} else if n.Kind() == config.Map {
		s.fault(n.Fault("include: want a list of SLS names, not a map"))
	}
	for _, it := range items {
		if it.Kind() != config.Scalar {
			s.fault(it.Fault("include: want the name of an SLS, not %s", it.Kind()))
			continue
		}
		s.incl = append(s.incl, it)
	}
}

// id reads what stands below a state id: functions with their arguments.
func (s *slsFile) id(id, body *config.Node) {
	switch body.Kind() {
	case config.Scalar: // motd: test.nop
		s.declare(id, body, body.Text(), nil)
	case config.Map:
		modules := map[string]*config.Node{}
		for _, p := range body.Pairs() {
			module, _, _ := strings.Cut(p.Key.Text(), ".")
			if first := modules[module]; first != nil {
				s.fault(p.Key.Fault("state %q: a second function of %s; the first is on line %d", id.Text(), module, first.Line()).
					WithHint("give it an id of its own"))
				continue
			}
			modules[module] = p.Key
			s.declare(id, p.Key, p.Key.Text(), p.Value)
		}
		if len(modules) == 0 {
			s.fault(id.Fault("state %q: no function, such as file.managed", id.Text()))
		}
	case config.List:
		s.fault(body.Fault("state %q: want a map of functions, such as file.managed, not a list", id.Text()))
	default:
		s.fault(id.Fault("state %q: no function, such as file.managed", id.Text()))
	}
}

// declare reads one function. In Salt's older form its name stands among the arguments: file: [managed, {mode: '0644'}].
func (s *slsFile) declare(id, at *config.Node, fun string, body *config.Node) {
	d := &decl{id: id, fun: at}
	var dotted bool
	d.module, d.function, dotted = strings.Cut(fun, ".")
	if !dotted {
		body = d.oldForm(body)
		if d.function == "" {
			s.fault(at.Fault("state %q: %q names no function", id.Text(), fun).WithHint("want module.function, such as file.managed"))
			return
		}
	}
	args, faults := body.Flatten()
	for _, f := range faults {
		f.Msg = "state \"" + id.Text() + "\": " + f.Msg
		s.fault(f)
	}
	d.require = s.requisites(d, args.Get("require"))
	d.requireIn = s.requisites(d, args.Get("require_in"))
	s.names(d, args.Get("names"))
	d.args = args.Without("require", "require_in", "names")
	if args.Line() == 0 { // nothing was written
		d.args = d.args.At(at)
	}
	s.decls = append(s.decls, d)
}

// oldForm takes the function's name from among the arguments.
func (d *decl) oldForm(body *config.Node) *config.Node {
	for i, it := range body.Items() {
		if it.Kind() == config.Scalar {
			d.function, d.fun = it.Text(), it
			return body.WithoutItem(i)
		}
	}
	if body.Kind() == config.Scalar {
		d.function, d.fun = body.Text(), body
		return nil
	}
	return body
}

func (s *slsFile) names(d *decl, n *config.Node) {
	if n.Kind() == config.Null {
		return
	}
	for _, it := range n.Items() {
		if it.Kind() != config.Scalar {
			s.fault(it.Fault("state %q: names: want a name, not %s", d.id.Text(), it.Kind()))
			continue
		}
		d.names = append(d.names, it)
	}
	if len(n.Items()) == 0 {
		s.fault(n.Fault("state %q: names: want a list of names", d.id.Text()))
	}
}

// requisites reads [file: /etc/motd, sls: common, motd], or one of these alone.
func (s *slsFile) requisites(d *decl, n *config.Node) []requisite {
	items := n.Items()
	switch n.Kind() {
	case config.Null:
		return nil
	case config.Scalar, config.Map:
		items = []*config.Node{n}
	}
	var out []requisite
	for _, it := range items {
		switch {
		case it.Kind() == config.Scalar:
			out = append(out, requisite{ref: it})
		case it.Kind() == config.Map && len(it.Pairs()) == 1 && it.Pairs()[0].Value.Kind() == config.Scalar:
			p := it.Pairs()[0]
			module := p.Key.Text()
			if module == "id" {
				module = ""
			}
			out = append(out, requisite{module, p.Value})
		default:
			s.fault(it.Fault("state %q: a requisite is written module: id, such as file: /etc/motd; or sls: name; or an id", d.id.Text()))
		}
	}
	return out
}
