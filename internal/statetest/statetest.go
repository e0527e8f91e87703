// Package statetest is what every state module must pass: Check changes nothing and says the same twice, Apply brings about what
// Check asked for and is idempotent, test mode touches nothing, nothing leaves the root, a cancelled run stops, and the
// sample is what the module takes. It owns these laws; what a module is for it must never know.
package statetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"brine/states"
)

// Case is one situation in which a state is tried.
type Case struct {
	Name  string                      // the situation in words
	Fun   string                      // the function, such as managed
	Path  string                      // what the state is about, below the root; empty where it is no path
	Setup func(h *Host)               // makes the situation; may be nil
	State func(h *Host) states.State  // a new state each time
	Right bool                        // the situation is as wanted already
	Err   string                      // Check refuses, with an error that holds this
	After func(t *testing.T, h *Host) // looks at the host after Apply; may be nil
}

// Run holds a module against all laws. Every function needs at least one case in which something differs.
func Run(t *testing.T, m states.Module, cases []Case) {
	t.Helper()
	t.Run("module", func(t *testing.T) { checkModule(t, m, cases) })
	t.Run("sample", func(t *testing.T) { checkSample(t, m) })
	Cases(t, cases)
}

// Cases holds a module against the laws in more situations, for one whose cases fill several files.
func Cases(t *testing.T, cases []Case) {
	for _, c := range cases {
		t.Run(c.Fun+"/"+c.Name, func(t *testing.T) { runCase(t, c) })
	}
}

func runCase(t *testing.T, c Case) {
	if c.Err != "" {
		t.Run("refuses", func(t *testing.T) { refuses(t, c) })
		return
	}
	laws := []struct {
		name string
		law  func(*testing.T, Case)
	}{
		{"check changes nothing", checkIsPure},
		{"test mode changes nothing", testModeIsPure},
		{"apply is verified and idempotent", applyConverges},
		{"a new process applies what an old one checked", applyWithoutCheck},
		{"own writes are announced", announces},
		{"cancelled", cancelled},
		{"stays inside the root", staysInside},
		{"a stranger's link is not followed", strangersLink},
	}
	for _, l := range laws {
		t.Run(l.name, func(t *testing.T) { l.law(t, c) })
	}
}

func refuses(t *testing.T, c Case) {
	h := begin(t, c)
	before := h.Snapshot()
	_, err := c.State(h).Check(context.Background(), h.Env(false))
	wantError(t, err, c.Err)
	h.unchanged(before)
}

func checkIsPure(t *testing.T, c Case) {
	h := begin(t, c)
	before := h.Snapshot()
	s := c.State(h)
	first := h.check(s, false)
	second := h.check(s, false)
	third := h.check(c.State(h), false)
	if (len(first) == 0) != c.Right {
		t.Errorf("Check found %v; as wanted already: %v", first, c.Right)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Errorf("Check said something else the second time:\n%s", d)
	}
	if d := cmp.Diff(first, third); d != "" {
		t.Errorf("Check of a new state said something else:\n%s", d)
	}
	h.unchanged(before)
}

func testModeIsPure(t *testing.T, c Case) {
	h := begin(t, c)
	before := h.Snapshot()
	s := c.State(h)
	planned := h.check(s, true)
	if len(planned) == 0 != c.Right {
		t.Errorf("Check found %v in test mode; as wanted already: %v", planned, c.Right)
	}
	h.unchanged(before)
	h.planned = h.expected
	if again := h.check(c.State(h), true); c.Path != "" && len(again) != 0 {
		t.Errorf("a second state of the same kind does not lean on what the first would make: %v", again)
	}
	h.unchanged(before)
}

func applyConverges(t *testing.T, c Case) {
	h := begin(t, c)
	s := c.State(h)
	h.apply(s, h.check(s, false))
	if left := h.check(s, false); len(left) != 0 {
		t.Errorf("after Apply, Check still finds %v", left)
	}
	if left := h.check(c.State(h), false); len(left) != 0 {
		t.Errorf("after Apply, Check of a new state still finds %v", left)
	}
	if len(h.displaced) != 0 {
		t.Errorf("nobody else wrote, but Apply reported as displaced %v", h.displaced)
	}
	after := h.Snapshot()
	h.apply(s, h.check(s, false))
	h.unchanged(after)
	if c.After != nil {
		c.After(t, h)
	}
}

func applyWithoutCheck(t *testing.T, c Case) {
	h := begin(t, c)
	h.apply(c.State(h), h.check(c.State(h), false))
	if left := h.check(c.State(h), false); len(left) != 0 {
		t.Errorf("after Apply, Check still finds %v", left)
	}
}

func cancelled(t *testing.T, c Case) {
	h := begin(t, c)
	changes := h.check(c.State(h), false)
	before := h.Snapshot()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.State(h).Apply(ctx, h.Env(false), changes); err == nil && len(changes) > 0 {
		t.Error("Apply of a cancelled run returned no error")
	}
	h.unchanged(before)
}

func announces(t *testing.T, c Case) {
	h := begin(t, c)
	s := c.State(h)
	changes := h.check(s, false)
	if len(h.expected) != 0 {
		t.Errorf("Check announced %v outside test mode", h.expected)
	}
	h.apply(s, changes)
	if c.Path == "" || c.Right {
		return
	}
	e, ok := h.expected[c.Path]
	if !ok {
		t.Fatalf("Apply did not announce what it made of %s", c.Path)
	}
	if d := cmp.Diff(h.Expected(c.Path, e), e); d != "" {
		t.Errorf("announced (+) is not what stands there (-):\n%s", d)
	}
}
