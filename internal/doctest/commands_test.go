package doctest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// command is one of brine's commands, as its help shows it.
type command struct {
	path  string // "brine event fire"
	short string
	usage string // "brine event fire TAG [KEY=VALUE ...]"
	help  string
	subs  []string
}

var listing = regexp.MustCompile(`(?m)^  ([a-z]+) +(\S.*)$`)

// commands are all of brine's commands, by their path: what `brine help` says, followed down.
var commands = sync.OnceValues(func() (map[string]*command, error) {
	all := map[string]*command{}
	return all, addCommand(all, &command{path: "brine"})
})

func addCommand(all map[string]*command, c *command) error {
	args := append(strings.Fields(c.path)[1:], "--help")
	out, err := exec.Command(filepath.Join(bin, "brine"), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s --help: %w\n%s", c.path, err, out)
	}
	c.help = string(out)
	all[c.path] = c
	_, usage, _ := strings.Cut(c.help, "Usage:\n  ")
	usage, _, _ = strings.Cut(usage, "\n")
	c.usage = strings.TrimSuffix(usage, " [flags]")
	_, list, ok := strings.Cut(c.help, "Available Commands:\n")
	if !ok {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for _, m := range listing.FindAllStringSubmatch(list, -1) {
		if m[1] == "help" || m[1] == "completion" {
			continue
		}
		sub := &command{path: c.path + " " + m[1], short: m[2]}
		c.subs = append(c.subs, sub.path)
		if err := addCommand(all, sub); err != nil {
			return err
		}
	}
	return nil
}

func tree(t *testing.T) map[string]*command {
	t.Helper()
	all, err := commands()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d commands found: is the help another one?", len(all))
	}
	return all
}

func commandsPage(t *testing.T) string {
	all := tree(t)
	var b strings.Builder
	b.WriteString("# Commands and exit codes\n\n" + made)
	b.WriteString("`brine COMMAND --help` shows flags and examples. Every command takes `--socket`, `-o table|json|yaml` and `--no-color`.\n\n")
	b.WriteString("| command | what it does |\n|---|---|\n")
	var paths []string
	for path, c := range all {
		if len(c.subs) == 0 {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		fmt.Fprintf(&b, "| `%s` | %s |\n", all[path].usage, cell(all[path].short))
	}
	_, codes, ok := strings.Cut(all["brine"].help, "Exit codes:\n")
	codes, _, _ = strings.Cut(codes, "\n\n")
	if !ok {
		t.Error("brine --help says nothing of exit codes")
	}
	b.WriteString("\n## Exit codes of brine\n\n| code | meaning |\n|---|---|\n")
	for _, line := range strings.Split(codes, "\n") {
		if code, text, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			fmt.Fprintf(&b, "| %s | %s |\n", code, text)
		}
	}
	b.WriteString("\n## Exit codes of brine-master and brine-minion\n\n| code | meaning |\n|---|---|\n")
	for _, c := range packageAt(t, "internal/daemon").Consts {
		if !strings.HasPrefix(c.Doc, "Exit codes") {
			continue
		}
		for _, v := range exitCodes(c.Decl) {
			fmt.Fprintf(&b, "| %s | %s |\n", v.value, v.text)
		}
	}
	return finish(&b)
}
