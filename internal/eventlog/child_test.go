package eventlog

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
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
	default:
		return false
	}
	return true
}

func childCommand(as, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0], dir)
	c.Env = append(os.Environ(), childEnv+"="+as)
	c.Stderr = os.Stderr
	return c
}

func child(t *testing.T, as, dir string) string {
	t.Helper()
	out, err := childCommand(as, dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
