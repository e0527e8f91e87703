package compile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"brine/internal/event"
	"brine/states"
	"brine/states/file"
)

func TestBounds(t *testing.T) {
	numbered := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, form, i)
		}
		return b.String()
	}
	long := strings.Repeat("m", 2000)
	chain := map[string]string{"long.sls": "include: [c0]\n"}
	for i := range MaxSLS + 5 {
		chain[fmt.Sprintf("c%d.sls", i)] = fmt.Sprintf("include: [c%d, c0]\n", i+1)
	}
	chain["many.sls"] = numbered(MaxStates+1, "s%d: test.nop\n")
	chain["b.sls"] = numbered(400, "b%d: test.nop\n")
	chain["wide.sls"] = "include: [b]\n" + numbered(400, "s%d:\n  test.nop: [require: [sls: b]]\n")
	chain["big.sls"] = numbered(400, "s%d:\n  test.nop: [mode: "+long+"]\n")
	c := newCompiler(t, tree(t, chain))
	for sls, want := range map[string]string{"many": "more than 10000 states", "long": "more than 1000 SLS", "wide": "more than 100000 requirements", "big": "the low state has about"} {
		_, err := compile(t, c, sls)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > 1 {
			t.Errorf("%s: %.300v, want %q", sls, err, want)
		}
	}
}

func TestNewRefusesAModuleTwice(t *testing.T) {
	if _, err := New(Options{Modules: []states.Module{module("x"), module("x")}}); err == nil {
		t.Error("accepted")
	}
}

// The real module, through its own sample.
func TestFileSample(t *testing.T) {
	m := file.Module()
	c, err := New(Options{FileRoots: []string{tree(t, map[string]string{"s.sls": m.Sample, "motd": "welcome\n",
		"sudoers": "x", "optional.conf": "y", "site/index.html": "z", "site/a/b": "b"})}, Modules: []states.Module{m}})
	if err != nil {
		t.Fatal(err)
	}
	low, err := c.Compile(context.Background(), "web1", nil, []string{"s"})
	if err != nil {
		t.Fatal(err)
	}
	if len(low.States) < 2 || low.States[0].Key() != "file.managed: /etc/motd" || low.States[0].Content[0].Size != 8 {
		t.Errorf("%+v", low.States)
	}
	for _, l := range low.States {
		st := m.Functions[strings.TrimPrefix(l.Fun, "file.")]()
		if err := l.Args.Decode(st); err != nil {
			t.Error(l.Key(), err)
		}
		if err := st.Validate(); err != nil {
			t.Error(l.Key(), err)
		}
		again, err := event.Encode(st)
		if err != nil || cmp.Diff(l.Args, again) != "" {
			t.Errorf("%s: what arrives is not what was sent: %v", l.Key(), cmp.Diff(l.Args, again))
		}
	}
}

func TestFileFaults(t *testing.T) {
	dir := tree(t, map[string]string{"s.sls": "motd:\n  file.managed:\n    - source: brine://motd\n    - mode: '0999'\n/etc/x:\n  file.managed:\n    - mode: '0999'\n"})
	c, err := New(Options{FileRoots: []string{dir}, Modules: []states.Module{file.Module()}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Compile(context.Background(), "web1", nil, []string{"s"})
	text := strings.ReplaceAll(fmt.Sprint(err), dir+"/", "")
	want := "s.sls:1:1: state \"motd\": name: "
	if !strings.HasPrefix(text, want) || !strings.Contains(text, "\ns.sls:7:13: state \"/etc/x\": mode \"0999\"") {
		t.Error(text)
	}
}

func FuzzSLS(f *testing.F) {
	for _, s := range []string{"", "a:\n  test.nop:\n    - mode: 0644\n    - require:\n      - test: b\nb: test.nop\n", "include: [.x, s, ..y]\n", "a:\n  test: [nop, {names: [x, y]}]\n", "a: &a\n  x.nop: *a\n",
		"{% if %}", "a:\n  test.nop:\n    - source: brine://../f\n    - require_in: [sls: s]\n", "base:\n  '*': [s]\n", "a:\n  test:\n", "a: [[]]\n", "a:\n  .:\n    - {}\n", "a:\n  test.nop: {require: {sls: s}, names: {}}\n"} {
		f.Add([]byte(s))
	}
	dir := tree(f, map[string]string{"f": "x"})
	c := newCompiler(f, dir)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, name := range []string{"s.sls", "top.sls"} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, sls := range [][]string{{"s"}, nil} {
			low, err := c.Compile(context.Background(), "web1", nil, sls)
			if err != nil {
				if err.Error() == "" {
					t.Fatal("an error that says nothing")
				}
				continue
			}
			for i, l := range low.States {
				for _, k := range l.Require {
					if k < 0 || k >= i {
						t.Fatalf("state %d requires %d", i, k)
					}
				}
				if err := l.Args.Decode(new(nop)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkCompileSmall(b *testing.B) {
	dir := tree(b, map[string]string{"motd.sls": "/etc/motd:\n  file.managed:\n    - source: brine://motd\n    - mode: '0644'\n    - user: root\n/etc/nologin:\n  file.absent:\n    - require: [file: /etc/motd]\n",
		"motd": "welcome\n", "top.sls": "base:\n  '*': [motd]\n"})
	c, err := New(Options{FileRoots: []string{dir}, Modules: []states.Module{file.Module()}})
	if err != nil {
		b.Fatal(err)
	}
	later(c)
	for name, sls := range map[string][]string{"sls": {"motd"}, "highstate": nil} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Compile(context.Background(), "web1", nil, sls); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
