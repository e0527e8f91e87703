package target

import (
	"path"
	"slices"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		kind, expr string
		yes, no    []string
	}{
		{"glob", "*", []string{"web1", "a"}, nil},
		{"", "web1", []string{"web1"}, []string{"web10", "xweb1", ""}},
		{"glob", "web*", []string{"web", "web1", "web1.example.com"}, []string{"we", "xweb"}},
		{"glob", "*.example.com", []string{"a.b.example.com"}, []string{"example.com", "a.example.comx"}},
		{"glob", "web?", []string{"web1"}, []string{"web", "web12"}},
		{"glob", "w*b*1", []string{"wb1", "web-b-11"}, []string{"wb2"}},
		{"glob", "web[12]", []string{"web1", "web2"}, []string{"web3", "web", "web12"}},
		{"glob", "web[a-c1]x", []string{"webbx", "web1x"}, []string{"webdx", "web-x"}},
		{"glob", "web[!1-3]", []string{"web4", "weba"}, []string{"web2", "web"}},
		{"glob", "web[a-]", []string{"web-", "weba"}, []string{"webb"}},
		{"list", "web1, web2\tdb1\n", []string{"web1", "web2", "db1"}, []string{"web", "web1,", "db10", ""}},
	}
	for _, tt := range tests {
		target, err := Parse(tt.kind, tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range tt.yes {
			if !target.Match(id, nil) {
				t.Errorf("%s is not %s", target, id)
			}
		}
		for _, id := range tt.no {
			if target.Match(id, nil) {
				t.Errorf("%s is %s", target, id)
			}
		}
	}
	if (Target{}).Match("", nil) {
		t.Error("the zero target is somebody")
	}
}

func TestParseFaults(t *testing.T) {
	for _, tt := range []struct{ kind, expr, want string }{
		{"glob", "", "target is empty"}, {"glob", "web1,web2", "position 5 stands in no id; several ids need the kind list, and more than ids the kind compound"}, {"glob", "web[1", "the '[' at position 4 is never closed"},
		{"glob", "[]", "never closed"}, {"glob", "web[9-1]", "9-1 at position 5 is backwards"}, {"glob", "web/1", "position 4 stands in no id"}, {"glob", "é", "position 1"},
		{"glob", strings.Repeat("a", maxGlob+1), "1025 bytes"}, {"list", strings.Repeat("a,", MaxExpr), "131072 bytes"},
		{"list", " , ", "target list is empty"}, {"list", "web1,web*", `minion id "web*": '*' at position 4`},
		{"lst", "x", `unknown kind of target "lst"; known are glob, list, pcre, grain, grain_pcre, compound; did you mean list?`}, {"nodegroup", "x", "known are glob, list"},
	} {
		if _, err := Parse(tt.kind, tt.expr); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %.30q: %v, want %q", tt.kind, tt.expr, err, tt.want)
		}
	}
}

func TestIDsAndString(t *testing.T) {
	for _, tt := range []struct {
		kind, expr string
		ids        []string
		text       string
	}{{"glob", "web*", nil, "web*"}, {"", "web1", []string{"web1"}, "web1"}, {"list", "b a,b", []string{"a", "b"}, "L@a,b"}} {
		target, err := Parse(tt.kind, tt.expr)
		if err != nil || !slices.Equal(target.IDs(), tt.ids) || target.String() != tt.text {
			t.Errorf("%s: %v %s, %v", tt.expr, target.IDs(), target, err)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("web*[!a-c]?", "web1d2")
	f.Add("[]]", "]")
	f.Add("[a-", "a")
	f.Fuzz(func(t *testing.T, expr, id string) {
		target, err := Parse("glob", expr)
		if err != nil {
			return
		}
		got := target.Match(id, nil)
		if strings.ContainsAny(expr, "[!^\\") || strings.Contains(id, "/") {
			return // the standard library reads these otherwise
		}
		if want, err := path.Match(expr, id); err == nil && isASCII(id) && got != want {
			t.Errorf("%q on %q: %v", expr, id, got)
		}
	})
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }
