package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the module's folder, seen from this one.
const root = "../.."

// pkg is a package as the go command lists it.
type pkg struct {
	Dir                                                string
	ImportPath, Name, Doc                              string
	GoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports                 []string
}

// own are the packages of this module that it imports, by their path below the module's.
func (p *pkg) own() []string {
	var own []string
	for _, imp := range p.Imports {
		if path, ok := strings.CutPrefix(imp, "brine/"); ok {
			own = append(own, path)
		}
	}
	return own
}

// all are its imports and those of its tests.
func (p *pkg) all() []string { return slices.Concat(p.Imports, p.TestImports, p.XTestImports) }

var listed = sync.OnceValues(func() (map[string]*pkg, error) {
	out, err := golist("-json", "./...")
	if err != nil {
		return nil, err
	}
	packages := map[string]*pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages[strings.TrimPrefix(p.ImportPath, "brine/")] = p
	}
})

// module is every package, by its path below the module's.
func module(t *testing.T) map[string]*pkg {
	t.Helper()
	packages, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func golist(args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"list", "-e"}, args...)...)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// deps is everything a program links.
func deps(t *testing.T, program string) []string {
	t.Helper()
	out, err := golist("-deps", "./"+program)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// modulesOf are the folders of a contract's modules.
func modulesOf(t *testing.T, contract string) []string {
	t.Helper()
	var list []string
	for path := range module(t) {
		if dir, name := filepath.Split(path); dir == contract+"/" && name != "all" {
			list = append(list, path)
		}
	}
	if len(list) == 0 {
		t.Fatalf("no modules below %s: this test looks in the wrong place", contract)
	}
	slices.Sort(list)
	return list
}

// source is one parsed file.
type source struct {
	pkg  string // path below the module's
	file string // path below the module's folder
	test bool
	ast  *ast.File
	set  *token.FileSet
}

func (s *source) at(n ast.Node) token.Position {
	p := s.set.Position(n.Pos())
	p.Filename = s.file
	return p
}

// importName is the name by which a file knows a package; empty when it does not import it.
func (s *source) importName(path string) string {
	for _, spec := range s.ast.Imports {
		if strings.Trim(spec.Path.Value, `"`) != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return ""
}

// uses calls found for every mention of what one of the packages exports.
func (s *source) uses(path string, names []string, found func(n ast.Node, name string)) {
	local := s.importName(path)
	if local == "" {
		return
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.Contains(names, sel.Sel.Name) {
			found(n, path+"."+sel.Sel.Name)
		}
		return true
	})
}

var parsed = sync.OnceValues(func() ([]*source, error) {
	packages, err := listed()
	if err != nil {
		return nil, err
	}
	var sources []*source
	for path, p := range packages {
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if errors.Is(err, os.ErrNotExist) {
				continue // somebody has just moved it
			}
			if err != nil {
				return nil, err
			}
			sources = append(sources, &source{pkg: path, file: path + "/" + name, test: strings.HasSuffix(name, "_test.go"), ast: f, set: set})
		}
	}
	return sources, nil
})

// sources is every Go file of the module.
func sources(t *testing.T) []*source {
	t.Helper()
	list, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d files found: this test looks in the wrong place", len(list))
	}
	return list
}
