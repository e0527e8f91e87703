package archtest

import (
	"slices"
	"strings"
	"testing"
)

// layers are all packages, the lowest first. A package imports only what stands in a row above its own: to let two of one row know
// each other, give one of them a row of its own, and say so in the design.
var layers = []struct {
	name     string
	packages []string
}{
	{"values", []string{"internal/event", "internal/config"}},
	{"values made of values", []string{"internal/job", "internal/target"}},
	{"contracts", []string{"beacons", "states", "reactors"}},
	{"codecs and readers", []string{"internal/wire", "internal/identity", "internal/hostfs", "internal/beaconset", "internal/linux", "internal/manifest", "internal/diff", "internal/sealed"}},
	{"the contract of actions, processes", []string{"internal/action", "internal/command", "internal/webhook"}},
	{"tests of rules", []string{"internal/ruletest"}},
	{"single actions", []string{"internal/action/exec", "internal/action/notify", "internal/action/post", "internal/action/run", "internal/action/single"}},
	{"single modules", []string{
		"beacons/cert",
		"beacons/conn",
		"beacons/cpu",
		"beacons/disk",
		"beacons/diskio",
		"beacons/exec",
		"beacons/file",
		"beacons/heartbeat",
		"beacons/http",
		"beacons/journal",
		"beacons/kmod",
		"beacons/load",
		"beacons/log",
		"beacons/login",
		"beacons/memory",
		"beacons/mount",
		"beacons/net",
		"beacons/package",
		"beacons/pressure",
		"beacons/process",
		"beacons/schedule",
		"beacons/service",
		"beacons/swap",
		"beacons/tcp",
		"beacons/time",
		"beacons/user",
		"states/file",
	}},
	{"stores, bus, watcher, compiler, engine", []string{
		"internal/outbox", "internal/eventlog", "internal/bus", "internal/watch", "internal/converge", "internal/compile", "internal/supervise"}},
	{"roles", []string{"internal/minion", "internal/master"}},
	{"the API", []string{"internal/api"}},
	{"what serves and uses the API, and the lists of all modules", []string{
		"internal/api/apiserver", "internal/rig", "internal/daemon", "beacons/all", "states/all"}},
	{"the list of actions, of which one checks states", []string{"internal/action/all"}},
	{"sockets of the roles, command line", []string{"internal/api/masterapi", "internal/api/minionapi", "internal/cli"}},
	{"commands", []string{"cmd/brine", "cmd/brine-master", "cmd/brine-minion"}},
}

// forTests are packages for tests and benchmarks. They import what they like; nothing that is shipped imports them.
var forTests = []string{
	"internal/archtest", "internal/beacontest", "internal/beacontest/example", "internal/bench", "internal/doctest", "internal/e2e", "internal/sim", "internal/statetest",
}

func TestEveryPackageHasItsLayer(t *testing.T) {
	listed := slices.Clone(forTests)
	for _, l := range layers {
		listed = append(listed, l.packages...)
	}
	slices.Sort(listed)
	if twice := slices.Compact(slices.Clone(listed)); len(twice) != len(listed) {
		t.Errorf("a package stands in the table twice: %v", listed)
	}
	for path := range module(t) {
		if !slices.Contains(listed, path) {
			t.Errorf("package %s has no layer: give it one in internal/archtest/layers_test.go, below everything that imports it", path)
		}
	}
}

func TestImportsPointDown(t *testing.T) {
	row := map[string]int{}
	for i, l := range layers {
		for _, p := range l.packages {
			row[p] = i
		}
	}
	for path, p := range module(t) {
		from, shipped := row[path]
		if !shipped {
			continue
		}
		for _, imp := range p.own() {
			to, ok := row[imp]
			switch {
			case slices.Contains(forTests, imp):
				t.Errorf("%s imports %s, which is for tests", path, imp)
			case ok && to >= from:
				t.Errorf("%s (%s) imports %s (%s): imports point down", path, layers[from].name, imp, layers[to].name)
			}
		}
	}
}

// soleImporters name the packages that may import a library: tests are held to it too.
var soleImporters = map[string][]string{
	"gopkg.in/yaml.v3":                 {"internal/config"},
	"github.com/go-zeromq/zmq4":        {"internal/bus"},
	"github.com/fsnotify/fsnotify":     {"internal/watch"},
	"github.com/cockroachdb/pebble/v2": {"internal/eventlog"},
	"go.etcd.io/bbolt":                 {"internal/outbox"},
	"cel.dev/cel-go":                   {"reactors"},
	"github.com/godbus/dbus/v5":        {"beacons/service"},
	"github.com/spf13/cobra":           {"internal/cli", "internal/daemon"},
	"github.com/jedib0t/go-pretty/v6":  {"internal/cli"},
}

func TestLibrariesHaveOneImporter(t *testing.T) {
	for path, p := range module(t) {
		for _, imp := range p.all() {
			for lib, allowed := range soleImporters {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(allowed, path) {
					t.Errorf("%s imports %s: only %s may", path, imp, strings.Join(allowed, " and "))
				}
			}
		}
	}
}

// TestContractsAreOpen: others may write modules, so the contracts need nothing but the standard library.
func TestContractsAreOpen(t *testing.T) {
	for _, path := range []string{"beacons", "states"} {
		for _, imp := range module(t)[path].Imports {
			if !standard(imp) {
				t.Errorf("%s imports %s: a contract needs the standard library only", path, imp)
			}
		}
	}
}

// moduleImports are the internal packages that modules may import, beside their contract.
var moduleImports = map[string][]string{
	// config: contents may be a list of lines. hostfs: safe writes, which are no state's own business.
	// diff: what may be shown of a content, and the diff itself.
	// command, job: a command is run as that of a cmd.run is, and gives what that gives.
	"beacons/exec": {"internal/command", "internal/job"},
	"states/file":  {"internal/config", "internal/hostfs", "internal/diff"},
}

// contractImports are the internal packages that every module of a contract may import: readers, which are no beacon's own business.
var contractImports = map[string][]string{"beacons": {"internal/linux"}}

func TestModulesKeepToTheirContract(t *testing.T) {
	for _, contract := range []string{"beacons", "states"} {
		for _, path := range modulesOf(t, contract) {
			for _, imp := range module(t)[path].own() {
				if imp != contract && !slices.Contains(moduleImports[path], imp) && !slices.Contains(contractImports[contract], imp) {
					t.Errorf("%s imports %s: a module needs its contract only; an exception is named in moduleImports, with its reason", path, imp)
				}
			}
		}
	}
}

// links is what a program must not hold.
var links = map[string][]string{
	"cmd/brine-minion": {"brine/internal/master", "brine/internal/eventlog", "brine/internal/compile", "brine/reactors",
		"github.com/cockroachdb/pebble", "cel.dev/cel-go", "brine/internal/cli", "brine/internal/rig"},
	"cmd/brine-master": {"brine/internal/minion", "brine/internal/outbox", "brine/internal/converge", "go.etcd.io/bbolt",
		"brine/internal/cli", "brine/internal/rig"},
	"cmd/brine": {"brine/internal/master", "brine/internal/minion", "brine/internal/eventlog", "brine/internal/outbox", "brine/internal/bus",
		"github.com/cockroachdb/pebble", "go.etcd.io/bbolt", "github.com/go-zeromq/zmq4"},
}

func TestProgramsLinkNoMoreThanTheyNeed(t *testing.T) {
	for program, banned := range links {
		for _, dep := range deps(t, program) {
			for _, b := range banned {
				if dep == b || strings.HasPrefix(dep, b+"/") {
					t.Errorf("%s links %s", program, dep)
				}
			}
		}
	}
	for _, programs := range layers[len(layers)-1:] {
		for _, program := range programs.packages {
			for _, dep := range deps(t, program) {
				if path, ours := strings.CutPrefix(dep, "brine/"); ours && slices.Contains(forTests, path) || dep == "testing" {
					t.Errorf("%s links %s, which is for tests", program, dep)
				}
			}
		}
	}
}

// tests and libraries of the standard library only.
func standard(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return !strings.Contains(first, ".") && first != "brine"
}
