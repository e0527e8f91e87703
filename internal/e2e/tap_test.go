package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"

	"brine/internal/api"
)

const python = "/usr/bin/python3"

// tapped is one message of the tap.
type tapped struct {
	tag, id string
	pos     uint64
}

// follow starts a subscriber made of libzmq, in a process of its own.
func (w *world) follow() <-chan tapped {
	t := w.t
	t.Helper()
	if out, err := exec.Command(python, "-c", "import zmq").CombinedOutput(); err != nil {
		say := t.Skipf
		if os.Getenv(requireTools) == "1" {
			say = t.Fatalf
		}
		say("no libzmq client: %s needs the module zmq (Debian: python3-zmq): %v: %s", python, err, out)
	}
	cmd := exec.Command(python, "testdata/tap.py", "ipc://"+w.Path("run/tap/events.ipc"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	w.must(err)
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	got := make(chan tapped, 1<<16)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(got)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var m tapped
			if err := json.Unmarshal(lines.Bytes(), &[]any{&m.tag, &m.pos, &m.id}); err != nil {
				t.Error(err)
				return
			}
			got <- m
		}
	}()
	t.Cleanup(func() {
		in.Close()
		<-read
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return got
}

// A libzmq client on the tap is shown every event that is stored, in order, and comes back by itself after the master has been away.
func TestTap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	got := w.follow()
	for restart := range 2 {
		// What is published before it has subscribed is not for it.
		var first tapped
		w.wait("the subscriber is shown an event", func() (bool, error) {
			if _, err := w.Client.Fire(w.ctx, "e2e/hello", nil); err != nil {
				return false, err
			}
			select {
			case first = <-got:
				return true, nil
			default:
				return false, nil
			}
		})
		if restart == 0 {
			m := w.minion("web1", "")
			w.aim(m, "a").shots(200)
			w.drained(m)
			w.submit(api.Submit{Fun: "test.ping", Tgt: "web1"})
		}
		end, err := w.Client.Fire(w.ctx, "e2e/end", nil)
		w.must(err)
		next := first
		for _, e := range w.events(api.Query{From: first.pos}) {
			if next.pos != e.Pos || next.tag != e.Tag || next.id != e.ID.String() {
				t.Fatalf("the tap shows %+v, the log %d %s %s", next, e.Pos, e.Tag, e.ID)
			}
			if e.ID == end.ID {
				break
			}
			select {
			case next = <-got:
			case <-w.ctx.Done():
				t.Fatalf("the tap does not show the event behind %d", e.Pos)
			}
		}
		if restart == 0 {
			w.Master.Kill()
			w.startMaster()
		}
	}
}
