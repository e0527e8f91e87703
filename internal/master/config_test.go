package master

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/config"

	"github.com/google/go-cmp/cmp"
)

func writeConfig(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "master.yaml")
}

func TestConfig(t *testing.T) {
	empty, err := LoadConfig(writeConfig(t, map[string]string{"master.yaml": ""}))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	if d := cmp.Diff(&want, empty); d != "" {
		t.Error(d)
	}
	c, err := LoadConfig(writeConfig(t, map[string]string{
		"master.yaml":        "listen: tcp://127.0.0.1:1\nfile_roots: [/a]\nretention: {age: 7d}\n",
		"master.d/10.yaml":   "listen: [tcp://127.0.0.1:2, 'tcp://[::1]:3']\nreactor_dirs: [/r]\nretention: {size: 64MiB}\n",
		"master.d/20.yaml":   "tap: ''\n",
		"master.d/.not.yaml": "socket: /no\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want.Listen, want.Tap = config.Strings{"tcp://127.0.0.1:2", "tcp://[::1]:3"}, c.Tap
	want.FileRoots, want.ReactorDirs = []string{"/a"}, []string{"/r"}
	want.Retention = Retention{Age: 7 * 24 * time.Hour, Size: 64 << 20}
	if d := cmp.Diff(&want, c); d != "" {
		t.Error(d)
	}
	if c.Tap != "" {
		t.Errorf("tap %q: it cannot be turned off", c.Tap)
	}
}

func TestConfigFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown key", "listn: tcp://x:1\n", "master.yaml:1:1: unknown key \"listn\" (did you mean listen?)"},
		{"key twice", "tap: a\ntap: b\n", "master.yaml:2:1: "},
		{"no address", "listen: []\n", "master.yaml:1:"},
		{"address", "listen: [tcp://x:1, ipc:///x]\n", "listen: "},
		{"empty data_dir", "data_dir: ''\n", "data_dir is empty"},
		{"age", "retention: {age: 3s}\n", "age: 3s is too short: at least 1m"},
		{"size", "retention:\n  size: 1MiB\n", "size: 1048576 bytes is too little: at least 16MiB"},
		{"no duration", "retention: {age: long}\n", "master.yaml:1:18: "},
		{"below", "retention: {agee: 1h}\n", "master.yaml:1:13: unknown key \"agee\" (did you mean age?)"},
		{"a map where a list is wanted", "file_roots: {a: b}\n", "master.yaml:1:13: "},
		{"no YAML", "a: [\n", "master.yaml:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadConfig(writeConfig(t, map[string]string{"master.yaml": tt.text}))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
	_, err := LoadConfig(writeConfig(t, map[string]string{"master.yaml": "listn: x\nretention: {agee: 1h, size: x}\n", "master.d/a.yaml": "sokket: x\n"}))
	var faults config.Faults
	if !errors.As(err, &faults) || len(faults) != 4 {
		t.Errorf("all at once: %v", err)
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
