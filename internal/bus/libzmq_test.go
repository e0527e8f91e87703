package bus

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// libzmq is a subscriber in another process, made of libzmq itself (Debian's python3-zmq).
type libzmq struct {
	in    io.WriteCloser
	lines chan []string
}

func startLibzmq(t *testing.T, addr string, heartbeatMs int, prefixes ...string) *libzmq {
	t.Helper()
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import zmq").CombinedOutput(); err != nil {
		say := t.Skipf
		if os.Getenv("BRINE_REQUIRE_TOOLS") == "1" {
			say = t.Fatalf
		}
		say("no libzmq client: %s needs the module zmq (Debian: python3-zmq): %v: %s", python, err, out)
	}
	cmd := exec.Command(python, append([]string{"testdata/subscriber.py", addr, fmt.Sprint(heartbeatMs)}, prefixes...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	z := &libzmq{in: in, lines: make(chan []string, 1<<16)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			var frames []string
			if err := json.Unmarshal(scan.Bytes(), &frames); err != nil {
				t.Error(err)
			}
			z.lines <- frames
		}
	}()
	t.Cleanup(func() {
		in.Close()
		next(t, read, "the subscriber to end")
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return z
}

func TestTapWithLibzmq(t *testing.T) {
	tap, addr := newTap(t, TapOptions{})
	all := startLibzmq(t, addr, 0, "")
	some := startLibzmq(t, addr, 50, "brine/beacon/", "ops/") // with heartbeats
	prefixes := func(n int) func() bool {
		return func() bool {
			tap.mu.RLock()
			defer tap.mu.RUnlock()
			sum := 0
			for s := range tap.subscribers {
				s.topics.mu.RLock()
				sum += len(s.topics.prefixes)
				s.topics.mu.RUnlock()
			}
			return sum == n
		}
	}
	eventually(t, "three subscriptions", prefixes(3))
	const n = 2000
	body := func(i int) string { return fmt.Sprintf(`{"pos":%d}`, i) }
	for i := range n {
		tag := "brine/job/1/new"
		if i%2 == 0 {
			tag = "brine/beacon/web1/file/etc/motd"
		}
		tap.Publish(tag, []byte(body(i)))
	}
	for i := range n {
		if m := next(t, all.lines, "a message for all"); len(m) != 2 || m[1] != body(i) {
			t.Fatalf("message %d is %q", i, m)
		}
		if i%2 == 0 {
			if m := next(t, some.lines, "a message for some"); len(m) != 2 || m[0] != "brine/beacon/web1/file/etc/motd" || m[1] != body(i) {
				t.Fatalf("message %d is %q", i, m)
			}
		}
	}
	if _, err := io.WriteString(some.in, "-ops/\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the subscription to be cancelled", prefixes(2))
	tap.Publish("ops/x", []byte("not wanted"))
	tap.Publish("brine/beacon/x", []byte("wanted"))
	if m := next(t, some.lines, "a message after it"); m[1] != "wanted" {
		t.Errorf("got %q; %+v", m, tap.Stats())
	}
	if st := tap.Stats(); st.Broken+st.Slow != 0 || st.Accepted != 2 {
		t.Errorf("a subscriber was cut off: %+v", st)
	}
	// Cut off, libzmq comes back and subscribes by itself.
	tap.mu.RLock()
	for s := range tap.subscribers {
		s.close(ErrSlow)
	}
	tap.mu.RUnlock()
	eventually(t, "both to be back", func() bool { return tap.Stats().Accepted == 4 && prefixes(2)() })
	tap.Publish("brine/beacon/again", []byte("back"))
	for _, z := range []*libzmq{all, some} {
		for next(t, z.lines, "a message after coming back")[1] != "back" {
			continue
		}
	}
}
