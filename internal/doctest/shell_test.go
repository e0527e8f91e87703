package doctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds one page's blocks: nothing in them may take as long.
const patience = 90 * time.Second

// prelude makes a page's blocks a script: it ends at the first command that fails, and a pause that is long enough for a person is
// made longer, for a machine that runs many tests at once.
const prelude = `set -eo pipefail
sleep() { command sleep "$(awk -v s="$1" 'BEGIN { print s < 1 ? s : 2 * s }')"; }
`

// runBlocks runs the sh blocks of a page, exactly as they stand and in one shell, in dir. The text block behind one must be among
// what it printed: line by line, in order. At the end nothing of it may be running.
func runBlocks(t *testing.T, p *page, dir string) {
	t.Helper()
	onlyOne(t)
	var script strings.Builder
	script.WriteString(prelude)
	for i, b := range p.blocks {
		if b.lang == "sh" {
			fmt.Fprintf(&script, "echo '@@ block %d'\n%s", i, b.text)
		}
	}
	out, err := runScript(t, dir, script.String())
	if err != nil {
		t.Errorf("%s: its blocks do not run: %v\n%s\n%s", p.path, err, out, logs(dir))
		return
	}
	printed := map[int]string{}
	for _, part := range strings.Split(out, "@@ block ")[1:] {
		var n int
		fmt.Sscan(part, &n)
		_, printed[n], _ = strings.Cut(part, "\n")
	}
	last := -1
	for i, b := range p.blocks {
		switch b.lang {
		case "sh":
			last = i
		case "text":
			if last >= 0 {
				checkShown(t, fmt.Sprintf("%s:%d", p.path, b.line), b.text, printed[last])
			}
		}
	}
}

// checkShown looks for each line that a page shows in what was printed. Times, ids and positions are others each time.
func checkShown(t *testing.T, where, shown, printed string) {
	t.Helper()
	rest := strings.Split(printed, "\n")
	for i, want := range strings.Split(strings.TrimRight(shown, "\n"), "\n") {
		found := false
		for j, got := range rest {
			if strings.Contains(same(got), same(want)) {
				found, rest = true, rest[j+1:]
				break
			}
		}
		if !found {
			t.Errorf("%s: line %d is shown and was not printed:\n  %s\nprinted was:\n%s", where, i+1, want, printed)
			return
		}
	}
}

var differs = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[0-9]+(\.[0-9]+)? (ms|µs|s)\b`), "TIME"},
	{regexp.MustCompile(`job [a-z2-7]{16}`), "job JID"},
	{regexp.MustCompile(`position [0-9]+`), "position N"},
	{regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`), "FINGERPRINT"},
	{regexp.MustCompile(`[a-z2-7]{8}:[0-9]+`), "INC:SEQ"},
	{regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9:.]+`), "DATE"},
	{regexp.MustCompile(`\s+`), " "},
}

// same makes lines equal that differ in nothing but what is another each time.
func same(line string) string {
	for _, d := range differs {
		line = d.what.ReplaceAllString(line, d.with)
	}
	return strings.TrimSpace(line)
}

// runScript runs a script in a session of its own, and stops all of it when it is late or leaves something behind.
func runScript(t *testing.T, dir, script string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "BRINE_SOCKET=", "NO_COLOR=1", "LANG=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	group := func(sig syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, sig) }
	cmd.Cancel = func() error { return group(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("not at its end after %s", patience)
	}
	if cmd.Process != nil && !errors.Is(group(0), syscall.ESRCH) {
		left, _ := exec.Command("ps", "-o", "args=", "-g", fmt.Sprint(cmd.Process.Pid)).Output()
		if kill := group(syscall.SIGKILL); kill == nil && err == nil {
			err = fmt.Errorf("something was left running: %s", left)
		}
	}
	return string(out), err
}

// onlyOne waits until no other test runs blocks, in this process or in another one on this machine: the pages use Brine's own port.
func onlyOne(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "brine-doctest.lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}

// logs are the ends of what daemons wrote, for a page that failed.
func logs(dir string) string {
	var b strings.Builder
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".log" && d.Type().IsRegular() {
			if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
				fmt.Fprintf(&b, "--- %s\n%s\n", path, text[max(0, len(text)-4096):])
			}
		}
		return nil
	})
	return b.String()
}

// needBash skips where there is no bash: the blocks are for people, and most of them have it.
func needBash(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("the blocks are run with bash, and there is none")
	}
}

func TestREADME(t *testing.T) {
	needBash(t)
	dir := t.TempDir()
	abs, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	// "make build" is what made the binaries; here it puts them where it would have put them.
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), []byte("build:\n\t@ln -s "+abs+" bin\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := readPage(t, "README.md")
	runBlocks(t, p, dir)
	if first := strings.Split(p.text, "\n"); len(first) < 4 || !strings.HasPrefix(strings.TrimSpace(first[2]), "make demo") || !strings.HasPrefix(strings.TrimSpace(first[3]), "make test") {
		t.Error("README.md does not open with make demo and make test")
	}
}
