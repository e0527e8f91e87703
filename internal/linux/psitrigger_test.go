package linux

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestPressureTrigger(t *testing.T) {
	trigger, err := OpenPressureTrigger("/", []Stall{{"cpu", "some", time.Millisecond, 2 * time.Second}, {"io", "some", time.Second, 2 * time.Second}})
	if err != nil {
		t.Skip("this kernel takes no trigger: ", err)
	}
	defer trigger.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	procs := runtime.GOMAXPROCS(16)
	defer runtime.GOMAXPROCS(procs)
	var stop atomic.Bool
	defer stop.Store(true)
	for range 16 { // more than there are processors: some wait
		go func() {
			for !stop.Load() { // on purpose
			}
		}()
	}
	if woken, err := trigger.Wait(ctx); err != nil || !woken {
		t.Errorf("woken: %v, %v", woken, err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if woken, err := trigger.Wait(ended); err != nil || woken {
		t.Errorf("after its context: woken: %v, %v", woken, err)
	}
}

// A copy of /proc is not written to.
func TestPressureTriggerOnACopy(t *testing.T) {
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("testdata/6.1/a")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "proc/pressure/io")
	before, _ := os.ReadFile(path)
	if _, err := OpenPressureTrigger(root, []Stall{{"io", "some", time.Second, 2 * time.Second}}); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) || len(after) == 0 {
		t.Errorf("%q", after)
	}
}
