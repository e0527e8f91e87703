package eventlog

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// The test binary runs itself as another process: BRINE_TEST_CHILD says as what, its first argument is the folder.
const childEnv = "BRINE_TEST_CHILD"

func childMain() bool {
	switch os.Getenv(childEnv) {
	case "open":
		l, err := Open(os.Args[1], Options{})
		if err != nil {
			fmt.Println(err)
			return true
		}
		fmt.Println("opened")
		_ = l.Close()
	case "append":
		appendForEver(os.Args[1])
	case "fill":
		// No file may grow past this, as if the disk were full before anybody looked.
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 100 << 10, Max: 100 << 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			fmt.Println("error:", err)
			return true
		}
		appendForEver(os.Args[1])
	default:
		return false
	}
	return true
}

func childCommand(t *testing.T, as, dir string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only for one that hangs
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, os.Args[0], dir)
	c.Env = append(os.Environ(), childEnv+"="+as)
	c.Stderr = os.Stderr
	return c
}

func child(t *testing.T, as, dir string) string {
	t.Helper()
	out, err := childCommand(t, as, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
