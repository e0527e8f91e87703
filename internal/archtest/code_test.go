package archtest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxLines is how long a file may be before it is two.
const maxLines = 400

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if n := s.set.Position(s.ast.FileEnd).Line; !s.test && n > maxLines {
			t.Errorf("%s has %d lines; at most %d", s.file, n, maxLines)
		}
	}
}

// TestPackageComments: what a package owns and what it must never know stands in one place.
func TestPackageComments(t *testing.T) {
	for path, p := range module(t) {
		if p.Doc == "" && p.Name != "" {
			t.Errorf("%s has no package comment", path)
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: func init: lists are written out, state is made by constructors", s.at(f))
			}
		}
	}
}

// runsPrograms are the packages that start processes.
var runsPrograms = map[string]string{
	"internal/command": "the command of a master.exec or a cmd.run, without a shell",
	"beacons/journal":  "journalctl, whose output is followed: internal/command waits for an end",
	"internal/rig":     "real daemons for the demo and for tests",
	"states/file":      "check_cmd: what must accept a file before it is put in its place",
}

func TestProgramsAreRunWhereNamed(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || runsPrograms[s.pkg] != "" || slices.Contains(forTests, s.pkg) {
			continue
		}
		if s.importName("os/exec") != "" {
			t.Errorf("%s imports os/exec: only %v may, each for a reason", s.file, keys(runsPrograms))
		}
	}
}

// ends are the packages that may end the process: mains.
var ends = []string{"cmd/brine", "cmd/brine-master", "cmd/brine-minion", "internal/bench"}

func TestOnlyMainsEndTheProcess(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || slices.Contains(ends, s.pkg) {
			continue
		}
		s.uses("os", []string{"Exit"}, func(n ast.Node, name string) { t.Errorf("%s: %s", s.at(n), name) })
		s.uses("log", []string{"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf"}, func(n ast.Node, name string) { t.Errorf("%s: %s", s.at(n), name) })
	}
}

// selfEvident are methods that an interface explains: one of the standard library's, or wire.Message.
var selfEvident = []string{
	"Type",
	"Error", "Unwrap", "Is", "Hint", "String", "Len", "Less", "Swap", "Push", "Pop", "Close", "Read", "Write",
	"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "MarshalCBOR", "UnmarshalCBOR",
}

func TestExportedNamesAreExplained(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.ast.Name.Name == "main" {
			continue
		}
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && onExported(d) && !(d.Recv != nil && slices.Contains(selfEvident, d.Name.Name)) {
					t.Errorf("%s: %s has no comment", s.at(d), d.Name.Name)
				}
			case *ast.GenDecl:
				s.unexplained(d, func(n ast.Node, name string) { t.Errorf("%s: %s has no comment", s.at(n), name) })
			}
		}
	}
}

// unexplained calls found for exported names of a declaration that neither it nor its group explains.
func (s *source) unexplained(d *ast.GenDecl, found func(n ast.Node, name string)) {
	if d.Doc != nil || d.Tok == token.IMPORT {
		return
	}
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil {
				found(spec, spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && spec.Doc == nil && spec.Comment == nil {
					found(spec, name.Name)
				}
			}
		}
	}
}

// onExported reports whether a function can be reached from outside: it is none's method, or an exported type's.
func onExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// TestNothingIsPutOff looks for the marks of work that was left for later, in everything that people read.
func TestNothingIsPutOff(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}
	eachText(t, func(path string, text []byte) {
		for i, line := range strings.Split(string(text), "\n") {
			for _, m := range marks {
				if strings.Contains(line, m) {
					t.Errorf("%s:%d: %s: do it, or open an issue", path, i+1, m)
				}
			}
		}
	})
}

// eachText calls f for every file that people write.
func eachText(t *testing.T, f func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == ".git" || name == "bin" || name == "testdata") {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".md", ".yaml", ".yml", ".sls", ".py", ".sh", ".mod":
		default:
			if d.Name() != "Makefile" {
				return nil
			}
		}
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil {
			f(strings.TrimPrefix(path, root+"/"), text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func keys[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
