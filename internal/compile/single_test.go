package compile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/config"
	statelist "brine/states/all"
)

func TestSingle(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "motd"), []byte("Welcome.\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{FileRoots: []string{dir}, Modules: statelist.List()})
	if err != nil {
		t.Fatal(err)
	}
	low, err := c.Single(t.Context(), config.Of("x", map[string]any{"file.managed": map[string]any{"name": "/etc/motd", "source": "brine://motd", "mode": "0640"}}))
	if err != nil || len(low.States) != 1 || low.Whole {
		t.Fatalf("%+v, %v", low, err)
	}
	if s := low.States[0]; s.Fun != "file.managed" || s.Name != "/etc/motd" || s.ID != "/etc/motd" || s.SLS != SingleSLS || len(s.Content) != 1 || low.Hash == "" {
		t.Errorf("%+v", s)
	}
	for text, want := range map[string]string{
		"file.managed: {name: /etc/motd, contents: a, mode: '0644'}": "", "file.managed: [{name: /a}, {contents: '${tag}'}]": "",
		"file.managed: {contents: a}": "name is required", "file.manged: {name: /a}": "did you mean file.managed?", "{}": "want one state",
		"{file.managed: {name: /a}, file.absent: {name: /b}}": "want one state", "file.managed: {name: /a, mdoe: '1'}": "mdoe", "file.managed: {name: /a, mode: 0644}": "would become 420 (put it in quotes)",
		"file.managed: {name: /a, enforce: true}": "belongs into a state file", "file.managed: {name: /a, check_cmd: 'x ${tag}'}": "check_cmd cannot be a template", "file.managed: {name: etc}": "absolute",
		"file.managed: {name: /a, watch: b}": "not supported",
	} {
		n, faults := config.Parse("f", []byte(text))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got := CheckSingle(statelist.List(), n)
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || !strings.Contains(got.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
	for _, v := range []any{nil, "x", map[string]any{}, map[string]any{"file.managed": map[string]any{"name": "/a", "source": "brine://none"}}} {
		if _, err := c.Single(t.Context(), config.Of("x", v)); err == nil {
			t.Errorf("%v is compiled", v)
		}
	}
}
