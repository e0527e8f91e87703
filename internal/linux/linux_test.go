package linux

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kernels are the captured ones.
var kernels = []string{"6.1", "6.18"}

func captured(t *testing.T, kernel, moment string) Proc {
	t.Helper()
	p, err := OpenProc(filepath.Join("testdata", kernel, moment))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The captured machine kept one of its two processors busy.
func TestCPUBetweenTwoReadings(t *testing.T) {
	before, err := captured(t, "6.1", "a").CPU()
	if err != nil {
		t.Fatal(err)
	}
	now, err := captured(t, "6.1", "b").CPU()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		what     string
		now, was CPUTime
		mode     string
		want     float64
	}{
		{"all", now.All, before.All, "used", 0.612},
		{"all", now.All, before.All, "user", 0.510},
		{"busy core", now.Core[0], before.Core[0], "used", 1},
		{"other core", now.Core[1], before.Core[1], "idle", 0.774},
		{"all", now.All, before.All, "steal", 0},
	}
	for _, tt := range tests {
		got, ok := tt.now.Share(tt.was, tt.mode)
		if !ok || math.Abs(got-tt.want) > 0.005 {
			t.Errorf("%s %s: %.3f %v, want %.3f", tt.what, tt.mode, got, ok, tt.want)
		}
	}
	if _, ok := now.All.Share(now.All, "used"); ok {
		t.Error("no time has passed, and a share of it is told")
	}
	if _, ok := before.All.Share(now.All, "used"); ok {
		t.Error("the counters went back, and a share is told")
	}
}

func TestEveryKernelIsRead(t *testing.T) {
	for _, kernel := range kernels {
		p := captured(t, kernel, "a")
		if _, err := p.CPU(); err != nil {
			t.Error(err)
		}
		m, err := p.Memory()
		if err != nil || m.Total < 1<<28 || m.Available <= 0 || m.Available > m.Total {
			t.Errorf("%s: %+v %v", kernel, m, err)
		}
		if _, err := p.Load(); err != nil {
			t.Error(err)
		}
		for _, r := range []string{"cpu", "memory", "io"} {
			if got, err := p.Pressure(r); err != nil || got.Some == nil || got.Full == nil {
				t.Errorf("%s %s: %+v %v", kernel, r, got, err)
			}
		}
		list, err := p.Processes()
		if err != nil || len(list) < 1 {
			t.Errorf("%s: %d processes, %v", kernel, len(list), err)
		}
	}
}

func TestBusiest(t *testing.T) {
	before, _ := captured(t, "6.1", "a").Processes()
	now, _ := captured(t, "6.1", "b").Processes()
	got := Busiest(before, now, 3, 5)
	if len(got) == 0 || got[0].Comm != "init" || got[0].Share < 0.9 || got[0].PID == 1 {
		t.Errorf("%+v: want the shell that turns in a circle", got)
	}
}

// Cut short anywhere, a file of /proc gives an error or a value, never a panic, and never a silent nonsense.
func TestTruncated(t *testing.T) {
	for _, kernel := range kernels {
		for _, name := range []string{"stat", "meminfo", "loadavg", "pressure/cpu", "1/stat"} {
			text, err := os.ReadFile(filepath.Join("testdata", kernel, "a", "proc", name))
			if err != nil {
				t.Fatal(err)
			}
			for _, cut := range []int{0, 1, len(text) / 3, len(text) / 2, len(text) - 2} {
				root := t.TempDir()
				path := filepath.Join(root, "proc", name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, text[:cut], 0o644); err != nil {
					t.Fatal(err)
				}
				p, err := OpenProc(root)
				if err != nil {
					t.Fatal(err)
				}
				c, err := p.CPU()
				if err == nil && c.All.total() <= 0 {
					t.Errorf("%s %s cut at %d: %+v", kernel, name, cut, c)
				}
				m, err := p.Memory()
				if err == nil && m.Total <= 0 {
					t.Errorf("%s %s cut at %d: %+v", kernel, name, cut, m)
				}
				_, _ = p.Load()
				_, _ = p.Pressure("cpu")
				_, _ = p.Processes()
			}
		}
	}
}

func TestAbsent(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := OpenProc(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Pressure("cpu"); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if _, err := p.CPU(); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
	if _, err := OpenProc(filepath.Join(root, "none")); !errors.Is(err, ErrAbsent) {
		t.Error(err)
	}
}

func FuzzProcess(f *testing.F) {
	for _, kernel := range kernels {
		text, err := os.ReadFile(filepath.Join("testdata", kernel, "a", "proc", "1", "stat"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("7 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseProcess(text)
		if err == nil && !strings.Contains(text, "("+p.Comm+")") {
			t.Errorf("%q: %+v", text, p)
		}
	})
}
