package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// cores are the files that hold a role's protocol and decisions: driven by Step, with neither clock nor I/O, so that the simulator
// drives the very code that runs in production.
var cores = map[string][]string{
	"internal/master": {"core.go", "session.go", "ingest.go", "jobs.go", "react.go", "keys.go", "timers.go", "messages.go", "drift.go",
		"guard.go", "guard_blast.go", "hold.go", "fleet.go"},
	"internal/minion": {"core.go", "session.go", "uplink.go", "jobs.go", "messages.go"},
}

// pure are packages that are all core.
var pure = []string{"reactors", "internal/event", "internal/job", "internal/target", "internal/wire"}

// impure are what a core never imports.
var impure = []string{
	"brine/internal/bus", "brine/internal/eventlog", "brine/internal/outbox", "brine/internal/watch",
	"net", "os", "os/exec", "io/fs", "syscall", "sync", "log/slog", "math/rand", "math/rand/v2", "crypto/rand",
}

// mayImport are exceptions, each with its reason.
var mayImport = map[string]string{
	"internal/wire sync": "the modes of the codec are made once: no behaviour depends on it",
	"reactors sync":      "a traced program is made when it is first asked for: no behaviour depends on it",
}

// clock is what reads or waits for the time.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func isCore(s *source) bool {
	name := s.file[strings.LastIndexByte(s.file, '/')+1:]
	return !s.test && (slices.Contains(cores[s.pkg], name) || slices.Contains(pure, s.pkg))
}

func TestCoresArePure(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		if !isCore(s) {
			continue
		}
		found++
		for _, banned := range impure {
			if _, excepted := mayImport[s.pkg+" "+banned]; !excepted && s.importName(banned) != "" {
				t.Errorf("%s imports %s: a core has no I/O and no goroutine", s.file, banned)
			}
		}
		s.uses("time", clock, func(n ast.Node, name string) {
			t.Errorf("%s: %s: a core is told the time", s.at(n), name)
		})
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a core starts no goroutine", s.at(n))
			case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
				t.Errorf("%s: a core knows no channel", s.at(n))
			}
			return true
		})
	}
	want := 0
	for _, files := range cores {
		want += len(files)
	}
	if found < want {
		t.Errorf("%d files of cores found; want %d: was one renamed?", found, want)
	}
}
