package minion

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/beacons"
	beaconfile "brine/beacons/file"
	"brine/internal/config"
	"brine/internal/wire"

	"github.com/google/go-cmp/cmp"
)

const fingerprint = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// write makes files in a folder and gives the path of minion.yaml.
func write(t *testing.T, files map[string]string) string {
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
	return filepath.Join(dir, "minion.yaml")
}

func modules() []beacons.Module { return []beacons.Module{beaconfile.Module()} }

func TestConfig(t *testing.T) {
	path := write(t, map[string]string{
		"minion.yaml": "id: web1\nmaster: tcp://a:1\nmaster_fingerprint: " + fingerprint + "\nbeacons:\n  file:\n    paths:\n      /etc/motd: {}\n" +
			"allow:\n  states: ['*', '!cmd.*']\ngrains: {pool: a, n: 2}\noutbox: 64MiB\n",
		"minion.d/10-more.yaml": "master: [tcp://b:2, tcp://c:3]\ngrains: {rack: r1}\n",
		"minion.d/20-last.yaml": "id: web2\nbeacons:\n  file:\n    paths:\n      /etc/ssh: {recurse: true}\n",
		"minion.d/.hidden.yaml": "id: hidden\n",
		"minion.d/README":       "id: readme\n",
	})
	c, err := LoadConfig(path, modules())
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != "web2" || c.Outbox != 64<<20 || c.DataDir != "/var/lib/brine/minion" || c.Root != "/" {
		t.Errorf("%+v", c)
	}
	if d := cmp.Diff(config.Strings{"tcp://b:2", "tcp://c:3"}, c.Master); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]any{"pool": "a", "n": int64(2), "rack": "r1"}, c.Grains); d != "" {
		t.Error(d)
	}
	if len(c.beacons) != 1 || c.beacons[0].Name != "file" || !strings.Contains(c.beacons[0].Text, "/etc/ssh") || !strings.Contains(c.beacons[0].Text, "/etc/motd") {
		t.Errorf("beacons %+v", c.beacons)
	}
	if err := c.Allow.Permits("state.apply"); err != nil {
		t.Error("what was not said of allow is no longer the default:", err)
	}
}

// Salt's form: a beacon's options as a list of maps.
func TestConfigOfBeaconsAsLists(t *testing.T) {
	as := map[string]string{
		"map":  "beacons:\n  file:\n    paths:\n      /etc/motd: {}\n",
		"list": "beacons:\n  file:\n    - paths:\n        /etc/motd: {}\n",
	}
	for name, text := range as {
		c, err := LoadConfig(write(t, map[string]string{"minion.yaml": "id: web1\ntrust_on_first_use: true\n" + text}), modules())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(c.beacons) != 1 {
			t.Errorf("%s: %+v", name, c.beacons)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	const good = "id: web1\ntrust_on_first_use: true\n"
	tests := []struct{ name, text, want string }{
		{"nothing to trust", "id: web1\n", "minion.yaml:1:1: nothing says which master to trust"},
		{"unknown key", good + "mastr: x\n", "minion.yaml:3:1: unknown key \"mastr\" (did you mean master?)"},
		{"unknown key below", good + "allow:\n  function: [x]\n", "minion.yaml:4:3: unknown key \"function\" (did you mean functions?)"},
		{"key twice", good + "id: web2\n", "minion.yaml:3:1: "},
		{"id", "id: web/1\ntrust_on_first_use: true\n", ": id: minion id \"web/1\""},
		{"no address", good + "master: []\n", "master: no address"},
		{"address", good + "master: udp://x:1\n", "master: "},
		{"fingerprint", good + "master_fingerprint: SHA1:x\n", "master_fingerprint: "},
		{"token", good + "join_token: brine_join_1_x\n", "join_token: join token: has"},
		{"empty data_dir", good + "data_dir: ''\n", "data_dir is empty"},
		{"size", good + "outbox: much\n", "minion.yaml:3:9: "},
		{"too small an outbox", good + "outbox: 1KiB\n", "outbox: 1024 bytes is too little"},
		{"allow", good + "allow: {states: [file]}\n", "allow: states: \"file\": want module.function"},
		{"bool", good + "root: {}\n", "minion.yaml:3:7: "},
		{"beacons", good + "beacons: [file]\n", "minion.yaml:3:10: beacons: want a map of beacons"},
		{"unknown beacon", good + "beacons:\n  fil: {}\n", "minion.yaml:4:3: unknown key \"fil\" (did you mean file?)"},
		{"a beacon's option", good + "beacons:\n  file: {path: {/etc/motd: {}}}\n", "minion.yaml:4:10: unknown key \"path\" (did you mean paths?)"},
		{"a tab", good + "allow:\n\tstates: []\n", "minion.yaml:4:1: "},
		{"a list", "- id: web1\n", "minion.yaml:1:1: want a map"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadConfig(write(t, map[string]string{"minion.yaml": tt.text}), modules())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestConfigFaultsOfAllFilesAtOnce(t *testing.T) {
	path := write(t, map[string]string{
		"minion.yaml":      "idd: web1\ntrust_on_first_use: true\nallow: {paths: 3, nonsense: 1}\nbeacons: {fil: {}}\n",
		"minion.d/a.yaml":  "socket: [x, y]\n",
		"minion.d/bb.yaml": "log_levl: info\n",
	})
	_, err := LoadConfig(path, modules())
	var faults config.Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	for _, want := range []string{"minion.yaml:1:1: ", "minion.yaml:3:", "nonsense", "minion.yaml:4:11: ", "a.yaml:1:9: ", "bb.yaml:1:1: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.yaml"), modules()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestGrains(t *testing.T) {
	root := filepath.Dir(write(t, map[string]string{
		"etc/os-release": "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID='13'\nVERSION_CODENAME=trixie\nID_LIKE\n# x=y\nHOME_URL=\"https://x/?a=b\"\n",
		"proc/meminfo":   "MemFree:  1 kB\nMemTotal:       16323900 kB\nCached: 3 kB\n",
	}))
	get := func(c *Config) map[string]any {
		t.Helper()
		d, err := collectGrains(c)
		if err != nil {
			t.Fatal(err)
		}
		v, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		return v.(map[string]any)
	}
	g := get(&Config{ID: "web1", Root: root, Grains: map[string]any{"pool": "a", "oscodename": "mine", "roles": []any{"web"}}})
	want := map[string]any{"id": "web1", "kernel": "Linux", "os": "Debian GNU/Linux", "osid": "debian", "osrelease": "13", "oscodename": "mine",
		"mem_total": int64(15941), "pool": "a", "roles": []any{"web"}}
	for k, v := range want {
		if d := cmp.Diff(v, g[k]); d != "" {
			t.Errorf("%s: %s", k, d)
		}
	}
	for _, k := range []string{"cpuarch", "num_cpus", "host", "kernelrelease"} {
		if g[k] == nil || g[k] == "" {
			t.Errorf("no %s", k)
		}
	}
	if _, there := g["os_like"]; there {
		t.Error("a line without a value is a grain")
	}
	bare := get(&Config{ID: "web1", Root: t.TempDir()})
	for _, k := range []string{"os", "osid", "mem_total"} {
		if _, there := bare[k]; there {
			t.Errorf("%s on a host that does not say it", k)
		}
	}
}

// What cannot be sent must not come up only in a session that ends each time.
func TestGrainsThatAreTooMany(t *testing.T) {
	c := &Config{ID: "web1", Root: t.TempDir(), Grains: map[string]any{"much": strings.Repeat("x", wire.MaxGrains)}}
	if d, err := collectGrains(c); err == nil {
		t.Errorf("%d bytes of grains", len(d))
	}
	if _, err := collectGrains(&Config{Grains: map[string]any{"f": func() {}}}); err == nil {
		t.Error("a function is a grain")
	}
}

func TestMeminfo(t *testing.T) {
	for text, want := range map[string]int{"MemTotal: 5 kB\n": 5, "": -1, "MemTotal:\n": -1, "MemTotal: many kB": -1, "MemTotal: 7": 7} {
		path := filepath.Join(t.TempDir(), "meminfo")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		kb, ok := memTotal(path)
		if ok != (want >= 0) || ok && kb != want {
			t.Errorf("%q: %d, %v", text, kb, ok)
		}
	}
}
