package file_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"brine/internal/statetest"
	"brine/states"
	"brine/states/file"
)

// TestNothingIsDisplacedUnseen has an enemy that puts its own numbered contents in place by exchange, so that it knows
// what it displaced itself. Whatever Brine displaced must have been reported, or seen by the Check before.
func TestNothingIsDisplacedUnseen(t *testing.T) {
	const rounds = 300
	h := statetest.NewHost(t)
	h.Write(motd, "enemy 0\n", 0o644)
	stop, lost := make(chan struct{}), make(chan []string)
	go func() { lost <- enemy(t, h.Abs(motd), stop) }()
	seen := map[string]bool{}
	var applied int
	for range rounds {
		s := &file.Managed{Name: motd, Contents: text("brine")}
		changes, err := s.Check(ctx, h.Env(false))
		must(t, err)
		if len(changes) == 0 {
			continue
		}
		seen[changes[0].From] = true
		applied++
		must(t, s.Apply(ctx, h.Env(false), changes))
	}
	close(stop)
	reported := map[string]bool{}
	for _, c := range h.Displaced() {
		reported[c] = true
	}
	displaced := <-lost
	for _, c := range displaced {
		if !reported[c] && !seen["sha256:"+sum(c)] {
			t.Errorf("%q was displaced, neither seen nor reported", c)
		}
	}
	t.Logf("%d applied, %d of the enemy's displaced, %d reported", applied, len(displaced), len(reported))
	if applied == 0 || len(displaced) == 0 {
		t.Error("the two never met")
	}
}

// enemy returns which of its contents somebody else displaced.
func enemy(t *testing.T, target string, stop chan struct{}) (lost []string) {
	aside := filepath.Join(filepath.Dir(target), "enemy")
	last := "enemy 0\n"
	for i := 1; ; i++ {
		select {
		case <-stop:
			return lost
		default:
		}
		mine := fmt.Sprintf("enemy %d\n", i)
		if err := os.WriteFile(aside, []byte(mine), 0o644); err != nil {
			t.Error(err)
			return lost
		}
		if err := unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, target, unix.RENAME_EXCHANGE); err != nil {
			t.Error(err)
			return lost
		}
		if b, _ := os.ReadFile(aside); string(b) != last {
			lost = append(lost, last)
		}
		if err := os.Remove(aside); err != nil {
			t.Error(err)
			return lost
		}
		last = mine
	}
}

func sum(s string) string {
	b := sha256.Sum256([]byte(s))
	return hex.EncodeToString(b[:])
}

// BenchmarkManagedRestore is one drift of a small file put right, Check included. "visible" is until the file is right,
// the whole until it is on the disk and verified.
func BenchmarkManagedRestore(b *testing.B) {
	for _, c := range []struct {
		name  string
		drift func(string) error
	}{
		{"content", func(p string) error { return os.WriteFile(p, []byte("drift"), 0o644) }},
		{"removed", os.Remove},
		{"mode", func(p string) error { return os.Chmod(p, 0o600) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			root := b.TempDir()
			path := filepath.Join(root, "motd")
			content := file.Text(strings.Repeat("a line of the message of the day\n", 9))
			var visible time.Duration
			var times []time.Duration
			env := states.Env{Root: root, Log: slog.New(slog.DiscardHandler),
				Displaced: func(_, p string) { b.Errorf("displaced %s", p) }}
			for b.Loop() {
				b.StopTimer()
				must(b, os.WriteFile(path, []byte(content), 0o644))
				must(b, os.Chmod(path, 0o644))
				must(b, c.drift(path))
				s := &file.Managed{Name: "/motd", Contents: &content, Mode: "0644"}
				b.StartTimer()
				start := time.Now()
				env.Expect = func(string, states.Expected) { visible = time.Since(start) }
				changes, err := s.Check(ctx, env)
				must(b, err)
				must(b, s.Apply(ctx, env, changes))
				times = append(times, visible) // the swap is the next system call
				changes, err = s.Check(ctx, env)
				must(b, err)
				if len(changes) != 0 {
					b.Fatal(changes)
				}
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds()), "visible-p50-µs")
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "visible-p99-µs")
		})
	}
}
