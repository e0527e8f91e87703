package doctest

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"brine/internal/config"
)

// root is the project's folder, seen from this one.
const root = "../.."

// goPackage is the documentation of one package, as it stands in its source.
type goPackage struct {
	*doc.Package
	types map[string]*doc.Type
}

var packages sync.Map // of *goPackage, by path

// packageAt reads the source of a package of this module.
func packageAt(t *testing.T, path string) *goPackage {
	t.Helper()
	if p, ok := packages.Load(path); ok {
		return p.(*goPackage)
	}
	set := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(root, path, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	d, err := doc.NewFromFiles(set, files, "brine/"+path, doc.AllDecls|doc.PreserveAST)
	if err != nil {
		t.Fatal(err)
	}
	p := &goPackage{Package: d, types: map[string]*doc.Type{}}
	for _, typ := range d.Types {
		p.types[typ.Name] = typ
	}
	packages.Store(path, p)
	return p
}

// field is one field of a struct, with what its comment says.
type field struct {
	name  string // as its tag has it
	typ   reflect.Type
	value reflect.Value // of the zero value or the default that was handed in
	text  string
	live  bool // an option that takes effect at once
}

// fieldsOf lists the fields of a struct that carry a tag, those of embedded structs among them.
func fieldsOf(t *testing.T, v reflect.Value, tag string) []field {
	t.Helper()
	typ := v.Type()
	comments := fieldComments(t, typ)
	var list []field
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get(tag), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			list = append(list, fieldsOf(t, v.Field(i), tag)...)
		case name != "" && name != "-" && f.IsExported():
			list = append(list, field{name, f.Type, v.Field(i), comments[f.Name], config.Live(f)})
		}
	}
	return list
}

// fieldComments are the comments of a struct's fields: before them, or behind them.
func fieldComments(t *testing.T, typ reflect.Type) map[string]string {
	t.Helper()
	comments := map[string]string{}
	path, ours := strings.CutPrefix(typ.PkgPath(), "brine/")
	decl := (*doc.Type)(nil)
	if ours {
		decl = packageAt(t, path).types[typ.Name()]
	}
	if decl == nil {
		return comments
	}
	for _, spec := range decl.Decl.Specs {
		st, ok := spec.(*ast.TypeSpec).Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range st.Fields.List {
			text := f.Doc.Text()
			if text == "" {
				text = f.Comment.Text()
			}
			for _, n := range f.Names {
				comments[n.Name] = oneLine(text)
			}
		}
	}
	return comments
}

// typeDoc is the comment of a type.
func typeDoc(t *testing.T, typ reflect.Type) string {
	t.Helper()
	path, ours := strings.CutPrefix(typ.PkgPath(), "brine/")
	if !ours {
		return ""
	}
	if d := packageAt(t, path).types[typ.Name()]; d != nil {
		return d.Doc
	}
	return ""
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
