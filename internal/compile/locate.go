package compile

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"brine/internal/config"
	"brine/internal/job"
	"brine/states"
)

// Origin says where the content of one path comes from.
type Origin struct {
	Low    job.Low
	Path   string      // on the minion
	File   string      // of the SLS, and Line within it: where the content is said
	Line   int         // from 1
	URL    string      // of the source; empty where the content stands in the SLS itself, or is not said
	Source string      // the file of the source on this host
	Mode   fs.FileMode // its permission bits
	Inline *string     // the content that stands in the SLS, its last line ended as in the file
	Tree   bool        // the path is that of a whole tree, which has no content of its own
}

// Locate finds what says the content of a path in the named SLS, or without any in the highstate: the states of this name, id or whole
// name (module.function: name), and those that bring a tree with the path in it. Errors are those of Compile.
func (c *Compiler) Locate(ctx context.Context, minion string, grains map[string]any, sls []string, of string) ([]Origin, error) {
	roots, err := openRoots(c.dirs)
	if err != nil {
		return nil, err
	}
	defer roots.close()
	r := &run{c: c, ctx: ctx, roots: roots, loaded: map[string]*slsFile{}}
	names, err := r.wanted(minion, grains, sls)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		r.load(n)
	}
	r.declare()
	if err := errors.Join(ctx.Err(), r.faults.Err()); err != nil {
		return nil, err
	}
	var out []Origin
	for _, s := range r.states {
		if o, ok := r.origin(s, of); ok {
			out = append(out, o)
		}
	}
	return out, nil
}

func (r *run) origin(s *state, of string) (Origin, bool) {
	o := Origin{Low: s.low, Path: s.low.Name}
	o.at(s.decl.fun)
	tree, isTree := s.st.(states.SourcedTree)
	switch {
	case s.low.Name == of || s.low.ID == of || s.low.Key() == of:
		o.Tree = isTree
	case isTree && strings.HasPrefix(of, s.low.Name+"/"):
		return r.inTree(s, o, tree.Trees(), of)
	default:
		return o, false
	}
	if src, ok := s.st.(states.Sourced); ok {
		for _, one := range src.Sources() {
			r.source(s, &o, one.URL, one.URL)
		}
	}
	var said struct {
		Contents *string `json:"contents"`
	}
	if o.URL == "" && s.low.Args.Decode(&said) == nil && said.Contents != nil {
		if n := s.decl.args.Get("contents"); n.Kind() != config.Null {
			o.at(n)
		}
		text := *said.Contents
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		o.Inline = &text
	}
	return o, true
}

// inTree finds the file of a tree that a path comes from.
func (r *run) inTree(s *state, o Origin, trees []*states.Tree, of string) (Origin, bool) {
	rel := strings.TrimPrefix(of, s.low.Name+"/")
	for _, t := range trees {
		for _, f := range t.Files {
			if f.Path == rel {
				o.Path = of
				r.source(s, &o, t.URL, strings.TrimSuffix(t.URL, "/")+"/"+rel)
				return o, true
			}
		}
	}
	return o, false
}

// source fills in the file of an address, which the SLS says as said.
func (r *run) source(s *state, o *Origin, said, url string) {
	rel, err := sourcePath(url)
	if err != nil {
		return
	}
	p, _, err := r.roots.find(path.Clean(rel))
	if err != nil {
		return // it went since it was compiled
	}
	o.URL, o.Source = url, r.roots.name(p)
	o.Mode, _ = r.roots.modeOf(rel)
	o.at(s.decl.sourceNode(said))
}

func (o *Origin) at(n *config.Node) { o.File, o.Line = n.File(), n.Line() }
