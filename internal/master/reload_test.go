package master

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/internal/eventlog"
	statelist "brine/states/all"
)

// toldOf awaits the n-th event of a tag and gives its data.
func toldOf[T any](t *testing.T, m *Master, tag string, n int) (data T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		found := 0
		for e, err := range m.Events(t.Context(), eventlog.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Tag == tag {
				found++
			}
			if e.Tag == tag && found == n {
				if err := e.Data.Decode(&data); err != nil {
					t.Fatal(err)
				}
				return data
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s was told %d times; waited for %d", tag, found, n)
		}
	}
}

// What can change while the master runs does; what needs a restart is named; a broken file changes nothing and is told with its place.
func TestReloadConfig(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base := fmt.Sprintf("listen: tcp://127.0.0.1:0\ndata_dir: %s/data\ntap: ''\nbeacon_dirs: []\n", dir)
	rules := func(n int) string { return fmt.Sprintf("reactor_dirs: [%s/rules%d]\n", dir, n) }
	write("rules1/r.yaml", "one: {on: a/b, do: [{event.fire: {tag: c/d}}]}\n")
	write("rules2/r.yaml", "two: {on: a/b, do: [{event.fire: {tag: c/d}}]}\n")
	write("master.yaml", base+rules(1))
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Options{Config: c, Path: path, States: statelist.List(), Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	running(t, m, func() {
		write("master.yaml", base+rules(2)+"file_roots: [/elsewhere]\n")
		told := toldOf[configData](t, m, "brine/master/config", 1)
		if !slices.Equal(told.Changed, []string{"reactor_dirs"}) || !slices.Equal(told.Restart, []string{"file_roots"}) {
			t.Errorf("told %+v", told)
		}
		toldOf[any](t, m, "brine/master/rules", 1)
		if list, err := m.Rules(); err != nil || len(list) != 1 || list[0].Name != "two" {
			t.Errorf("rules in force: %+v, %v", list, err)
		}
		write("rules2/r.yaml", "three: {on: a/b, do: [{event.fire: {tag: c/d}}]}\n")
		toldOf[any](t, m, "brine/master/rules", 2)

		broken := "maintenance:\n  - {tgt: '*', schedule: never, for: 1h}\nenforce: {blast_radius: none}\n"
		write("master.d/10.yaml", broken)
		refused := toldOf[map[string]string](t, m, "brine/master/config/refused", 1)
		if want := "10.yaml:2:26: "; !strings.Contains(refused["error"], want) || !strings.Contains(refused["error"], `"never"`) {
			t.Errorf("told %q; want it to say %s", refused["error"], want)
		}
		if b := m.live.config().Enforce.BlastRadius.Percent; b != 10 {
			t.Errorf("a broken file changed the blast radius to %v", b)
		}
		write("master.d/10.yaml", strings.Replace(broken, "never", "'* * * * *'", 1))
		told = toldOf[configData](t, m, "brine/master/config", 2)
		if !slices.Equal(told.Changed, []string{"enforce", "maintenance"}) || !slices.Equal(told.Restart, []string{"file_roots"}) {
			t.Errorf("told %+v", told)
		}
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			g, err := m.Guards(t.Context())
			if err == nil && len(g.Holds) > 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the window does not begin: %+v, %v", g, err)
			}
		}
	})
	if m.core.opt.Blast.Share != 0 { // it has ended: nobody steps it
		t.Errorf("the core still has %+v", m.core.opt.Blast)
	}
}
