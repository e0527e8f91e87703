package eventlog

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"brine/internal/event"
)

// crashEvent is the event that stands at a position in the crash tests, and cannot be any other.
func crashEvent(pos uint64) event.Event {
	minion := fmt.Sprintf("web%d", pos/10%3)
	e := ev(pos, fmt.Sprintf("crash/%s/%d", minion, pos%17), minion)
	e.By = strconv.FormatUint(pos, 10)
	if pos > 20 {
		e.Causes = []event.ID{crashEvent(pos/2 - pos/2%10 + 1).ID}
		e.Causes[0].Seq = pos % 7
		if pos%7 == 0 {
			e.Causes = nil
		}
	}
	return e
}

// appendForEver commits batches and says up to where, until it is killed.
func appendForEver(dir string) {
	l, err := Open(dir, Options{MemTable: 256 << 10})
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	_, last := l.Head()
	for {
		b := l.NewBatch()
		for range 1 + rand.IntN(300) {
			last++
			b.Append(crashEvent(last), nil)
		}
		b.SetHighWater(HighWater{Minion: "web1", Seq: last})
		b.SetCursor(last)
		if err := l.Commit(b); err != nil {
			fmt.Println("error:", err)
			return
		}
		os.Stdout.WriteString(strconv.FormatUint(last, 10) + "\n")
	}
}

// checkCrashed opens what a crash left and compares it with what was acknowledged.
func checkCrashed(t *testing.T, dir string, opt Options, acked uint64) uint64 {
	t.Helper()
	l := open(t, dir, opt)
	defer l.Close()
	_, last := l.Head()
	if last < acked {
		t.Fatalf("position %d was acknowledged, the log ends at %d", acked, last)
	}
	if first, to := l.Lost(); to > 0 {
		t.Fatalf("claims to have lost %d to %d", first, to)
	}
	if n := verify(t, l); n != last {
		t.Fatalf("%d events, want %d", n, last)
	}
	cursor, err := l.Cursor()
	if err != nil || cursor != last {
		t.Fatalf("cursor %d, %v: it was committed with %d", cursor, err, last)
	}
	seen := uint64(0)
	for e, err := range l.Scan(t.Context(), Query{}) {
		want := crashEvent(e.Pos)
		if err != nil || e.Pos != seen+1 || e.ID != want.ID || e.Tag != want.Tag || e.By != want.By {
			t.Fatalf("after %d: %+v, %v", seen, e, err)
		}
		seen++
	}
	checkIndex(t, l, last)
	return last
}

// checkIndex asks the index for a few events and tags and compares with what crashEvent says.
func checkIndex(t *testing.T, l *Log, last uint64) {
	t.Helper()
	if last == 0 {
		return
	}
	for range 50 {
		e := crashEvent(1 + rand.Uint64N(last))
		if pos, ok, err := l.Find(e.ID); !ok || pos != e.Pos || err != nil {
			t.Fatalf("find %s: %d, %v, %v; want %d", e.ID, pos, ok, err, e.Pos)
		}
	}
	tag := fmt.Sprintf("crash/web%d/%d", rand.IntN(3), rand.IntN(17))
	var want []int
	for pos := uint64(1); pos <= last; pos++ {
		if crashEvent(pos).Tag == tag {
			want = append(want, int(pos))
		}
	}
	wantPositions(t, l, Query{Tag: pattern(t, tag)}, want)
}

func TestKilled(t *testing.T) {
	rounds := 24
	if testing.Short() {
		rounds = 8
	}
	var dir string
	for i := range rounds {
		if i%4 == 0 {
			dir = t.TempDir() // the longer a log, the longer it takes to compare
		}
		acked := appendAndKill(t, dir, time.Duration(rand.IntN(60))*time.Millisecond)
		checkCrashed(t, dir, Options{MemTable: 256 << 10}, acked)
	}
}

// appendAndKill runs a child until some time after its first commit, and returns the last position it told of.
func appendAndKill(t *testing.T, dir string, after time.Duration) (acked uint64) {
	t.Helper()
	c := childCommand(t, "append", dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatalf("child: %s", lines.Text())
		}
		if acked == 0 {
			time.AfterFunc(after, func() { _ = c.Process.Kill() })
		}
		acked = n
	}
	_ = c.Wait() // it was killed
	return acked
}

// TestStoreCannotWrite: when the store fails although there seemed to be space, the process ends, says why, and what
// was acknowledged is there.
func TestStoreCannotWrite(t *testing.T) {
	dir := t.TempDir()
	c := childCommand(t, "fill", dir)
	var told strings.Builder
	c.Stderr = &told
	out, err := c.Output()
	acked := uint64(0)
	for line := range strings.Lines(string(out)) {
		n, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		if err != nil {
			t.Fatalf("child: %s", line) // an error of Commit would do too, but Pebble panics
		}
		acked = n
	}
	var exit *exec.ExitError
	// Where Pebble fails at its own log it panics by itself, before it could be told.
	said := strings.Contains(told.String(), ErrBroken.Error()) || strings.Contains(told.String(), "pebble/v2.(*DB).rotateWAL")
	if !errors.As(err, &exit) || !said {
		t.Fatalf("%v: %.2000s", err, told.String())
	}
	checkCrashed(t, dir, Options{}, acked)
}

// TestPowerLoss takes a copy of the disk as a loss of power would leave it: all that was synced, and any part of what
// was not.
func TestPowerLoss(t *testing.T) {
	for seed := range int64(10) {
		rng := rand.New(rand.NewPCG(uint64(seed), 0))
		fs := vfs.NewCrashableMem()
		acked := uint64(0)
		for range 3 {
			l, err := Open("log", Options{fs: fs, MemTable: 256 << 10, free: plenty})
			if err != nil {
				t.Fatal(err)
			}
			for range 1 + rng.IntN(40) {
				b := l.NewBatch()
				for range 1 + rng.IntN(400) {
					acked++
					b.Append(crashEvent(acked), nil)
				}
				b.SetCursor(acked)
				if err := l.Commit(b); err != nil {
					t.Fatal(err)
				}
			}
			cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}
			after := fs.CrashClone(cfg)
			_ = l.Close()
			fs = after
			acked = checkCrashed(t, "log", Options{fs: fs, MemTable: 256 << 10, free: plenty}, acked)
		}
	}
}

func plenty(string) (int64, int64, error) { return 1 << 40, 1 << 41, nil }
