package minion

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"brine/internal/event"
	"brine/internal/wire"
)

// collectGrains reads what this host is: small, stable facts, under the names that Salt gives them. What cannot be read is
// left out. Grains of the configuration win.
func collectGrains(c *Config) (event.Data, error) {
	g := map[string]any{
		"id":       c.ID,
		"cpuarch":  runtime.GOARCH,
		"num_cpus": runtime.NumCPU(),
		"kernel":   "Linux",
	}
	if host, err := os.Hostname(); err == nil {
		g["host"] = host
	}
	var u syscall.Utsname
	if syscall.Uname(&u) == nil {
		g["kernelrelease"] = cString(u.Release[:])
	}
	osRelease(filepath.Join(c.Root, "etc/os-release"), g)
	if kb, ok := memTotal(filepath.Join(c.Root, "proc/meminfo")); ok {
		g["mem_total"] = kb / 1024 // MiB, as Salt has it
	}
	maps.Copy(g, c.Grains)
	d, err := event.Encode(g)
	if err == nil && len(d) > wire.MaxGrains {
		err = fmt.Errorf("they have %d bytes; at most %d", len(d), wire.MaxGrains)
	}
	return d, err
}

func cString(b []int8) string {
	var s strings.Builder
	for _, c := range b {
		if c == 0 {
			break
		}
		s.WriteByte(byte(c))
	}
	return s.String()
}

// osRelease reads os-release(5).
func osRelease(path string, g map[string]any) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	names := map[string]string{"NAME": "os", "ID": "osid", "ID_LIKE": "os_like", "VERSION_ID": "osrelease", "VERSION_CODENAME": "oscodename"}
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, ok := strings.Cut(s.Text(), "=")
		if name := names[key]; ok && name != "" {
			g[name] = strings.Trim(value, `"'`)
		}
	}
}

// memTotal reads the memory of the host, in KiB.
func memTotal(path string) (int, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "MemTotal:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return n, err == nil
		}
	}
	return 0, false
}
