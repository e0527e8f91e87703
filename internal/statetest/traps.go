package statetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// stranger is the uid of somebody who is neither root nor the test.
const stranger = 65533

// outside is the snapshot of the folder beside the root.
func outside(h *Host) []string {
	var lines []string
	for _, l := range h.Snapshot() {
		if len(l) > 7 && l[:7] == "outside" {
			lines = append(lines, l)
		}
	}
	return lines
}

// staysInside puts, in place of the folder that holds the path, a trusted link that leads out by its text: upwards and absolutely.
// Below the root it leads to nothing, or to a folder of the same name inside.
func staysInside(t *testing.T, c Case) {
	if c.Path == "" || filepath.Dir(c.Path) == "/" {
		t.Skip("the state is about no path in a folder of its own")
	}
	for _, target := range []string{"absolute", "upwards"} {
		t.Run(target, func(t *testing.T) {
			h := begin(t, c)
			to := h.Outside
			if target == "upwards" {
				to = "../../../../../../../../../../../.." + h.Outside
			}
			h.trap(c, to, os.Geteuid())
			before := outside(h)
			h.try(c)
			sameLines(t, before, outside(h))
		})
	}
}

// strangersLink puts there a link of somebody who is not trusted: the state must fail, and change nothing at all.
func strangersLink(t *testing.T, c Case) {
	if c.Path == "" || filepath.Dir(c.Path) == "/" {
		t.Skip("the state is about no path in a folder of its own")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make links of other users")
	}
	h := begin(t, c)
	changes := h.check(c.State(h), false)
	h.Mkdir("/elsewhere")
	h.trap(c, "/elsewhere", stranger)
	before := h.Snapshot()
	if _, err := c.State(h).Check(context.Background(), h.Env(false)); err == nil {
		t.Error("Check followed the link")
	}
	if err := c.State(h).Apply(context.Background(), h.Env(false), changes); err == nil && len(changes) > 0 {
		t.Error("Apply followed the link")
	}
	h.unchanged(before)
}

// trap replaces the topmost folder on the way to the case's path by a link.
func (h *Host) trap(c Case, target string, uid int) {
	h.T.Helper()
	top := c.Path
	for filepath.Dir(top) != "/" {
		top = filepath.Dir(top)
	}
	h.must(os.RemoveAll(h.Abs(top)))
	h.Link(target, top, uid)
}

// try runs the state for what comes of it; whether it fails is its own affair.
func (h *Host) try(c Case) {
	s := c.State(h)
	changes, err := s.Check(context.Background(), h.Env(false))
	if err != nil {
		h.T.Logf("Check: %v", err)
		return
	}
	if err := s.Apply(context.Background(), h.Env(false), changes); err != nil {
		h.T.Logf("Apply: %v", err)
	}
}

func sameLines(t *testing.T, before, after []string) {
	t.Helper()
	for i := range max(len(before), len(after)) {
		if i >= len(before) || i >= len(after) || before[i] != after[i] {
			t.Errorf("something outside the root was touched:\nbefore %q\nafter  %q", before, after)
			return
		}
	}
}
