package linux

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// datagrams are the datagrams of a kernel, one after the other.
func datagrams(t testing.TB, path string) (list [][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const size = 76
	for ; len(b) >= size; b = b[size:] {
		list = append(list, b[:size])
	}
	return list
}

func TestProcEventsOfTheKernel(t *testing.T) {
	var got []ProcEvent
	for _, b := range datagrams(t, "testdata/6.18/netlink/procevents.bin") {
		e, err := parseProcEvent(b)
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind != 0 {
			got = append(got, e)
		}
	}
	var want []ProcEvent
	for i, status := range []int{3 << 8, 9, 11, 0} {
		pid := 31726 + i
		want = append(want, ProcEvent{Kind: ProcFork, PID: pid, Parent: 31685}, ProcEvent{Kind: ProcExec, PID: pid})
		if i == 3 { // it made a thread, which is left out, and became somebody else
			want = append(want, ProcEvent{Kind: ProcUID, PID: pid})
		}
		want = append(want, ProcEvent{Kind: ProcExit, PID: pid, Status: status})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, tt := range []struct {
		status, code int
		signal       unix.Signal
		core         bool
	}{{3 << 8, 3, 0, false}, {9, -1, unix.SIGKILL, false}, {0x80 | 11, -1, unix.SIGSEGV, true}} {
		e := ProcEvent{Status: tt.status}
		if e.ExitCode() != tt.code || e.Signal() != tt.signal || e.Core() != tt.core {
			t.Errorf("%#x: %d, %v, %v", tt.status, e.ExitCode(), e.Signal(), e.Core())
		}
	}
}

func FuzzProcEvent(f *testing.F) {
	for _, b := range datagrams(f, "testdata/6.18/netlink/procevents.bin") {
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseProcEvent(b) })
}
