package master

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"brine/reactors"
)

// A master that starts with broken rule files goes on with the set that was in force before.
func TestLastGoodRulesOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "reactors", "a.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	start := func() *ruleFiles {
		return &ruleFiles{dirs: []string{filepath.Dir(file)}, kept: filepath.Join(dir, "rules.last"), env: reactors.Env{}, log: slog.New(slog.DiscardHandler)}
	}
	for _, step := range []struct {
		name, text string
		rules      int
		faulty     bool
	}{
		{"broken from the beginning", "a: [", 0, true},
		{"good", "a: {on: x/y, do: {event.fire: z}}\n", 1, false},
		{"broken, after a restart", "a: [", 1, true},
		{"empty is good", "", 0, false},
		{"broken again: the empty set was the last good one", "a: [", 0, true},
	} {
		write(step.text)
		set, err := start().load()
		if got := len(set.Rules()); got != step.rules || (err != nil) != step.faulty {
			t.Errorf("%s: %d rules, %v", step.name, got, err)
		}
	}
}
