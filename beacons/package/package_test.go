package pkg

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

// A part of a real Debian's list, and of a real Alpine's form.
const (
	acl    = "Package: acl\nStatus: install ok installed\nPriority: optional\nArchitecture: amd64\nMulti-Arch: foreign\nVersion: 2.3.1-3\nDescription: access control list - utilities\n This package contains the\n Version: of tools\n\n"
	bash   = "Package: bash\nEssential: yes\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2+b7\n\n"
	gone   = "Package: vim\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 2:9.0.1378-2\n\n"
	alpine = "C:Q1p78yvTLG094tHE1+dToJGbmYzQE=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:383152\nF:lib\nR:libc.musl-x86_64.so.1\n\n"
)

func put(t *testing.T, root, name, text string) {
	t.Helper()
	beacontest.Write(t, root, name+".new", text)
	if err := os.Rename(root+name+".new", root+name); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "dpkg", Config: `packages: ['*', '!linux-*']`, Setup: func(t *testing.T, root string) { put(t, root, dpkgStatus, acl+bash) },
			Ready: func(kept map[string][]byte) bool { return kept["looked/dpkg/"] != nil },
			Act: func(t *testing.T, root string) {
				vim := strings.NewReplacer("deinstall ok config-files", "install ok installed").Replace(gone)
				put(t, root, dpkgStatus, strings.Replace(acl, "2.3.1-3", "2.3.1-4", 1)+vim+strings.ReplaceAll(vim, "vim", "linux-image"))
			}, Tags: []string{"upgraded/acl", "removed/bash", "installed/vim"}},
		beacontest.Case{Name: "apk", Config: `{}`, Setup: func(t *testing.T, root string) { put(t, root, apkStatus, alpine) },
			Ready: func(kept map[string][]byte) bool { return kept["looked/apk/"] != nil },
			Act:   func(t *testing.T, root string) { put(t, root, apkStatus, strings.Replace(alpine, "r0", "r1", 1)) }, Tags: []string{"upgraded/musl"}},
	)
}

// While dpkg holds its lock nothing is told, however often its list is written; then the whole transaction.
func TestWaitsForTheTransaction(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	put(t, root, dpkgStatus, acl)
	beacontest.Write(t, root, "/var/lib/dpkg/lock", "")
	l := beacontest.Start(t, Module(), `{}`, beacons.Env{Root: root})
	for end := time.Now().Add(beacontest.Patience); !l.Kept("looked/dpkg/"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first look did not end")
		}
	}
	cmd := exec.Command(python, "-c", "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); sys.stdin.read()", root+"/var/lib/dpkg/lock")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer in.Close()
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	put(t, root, dpkgStatus, acl+bash)
	l.Quiet(2 * settle)
	put(t, root, dpkgStatus, strings.Replace(acl, "2.3.1-3", "2.3.1-4", 1)+bash)
	in.Close()
	if d := l.Next("upgraded/acl").Data.(Data); d.Was != "2.3.1-3" || d.Version != "2.3.1-4" || d.Manager != "dpkg" || d.Arch != "amd64" {
		t.Errorf("%+v", d)
	}
	l.Next("installed/bash")
}

// This host's own list says what dpkg-query says.
func TestDpkgOfThisHost(t *testing.T) {
	want, err := exec.Command("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Architecture} ${Version}\n").Output()
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile(dpkgStatus)
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseDpkg(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		if strings.Contains(string(want), "installed "+e.name+" "+e.arch+" "+e.version+"\n") {
			n++
		}
	}
	if lines := strings.Count("\n"+string(want), "\ninstalled "); n != lines || n == 0 {
		t.Errorf("%d packages are as dpkg-query says, of %d", n, lines)
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{`packages: []`: "packages: 0 entries", `packages: ['[a']`: `packages: "[a" is no pattern`} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		err := n.Decode(Module().Config()).Err()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}

func FuzzLists(f *testing.F) {
	f.Add(acl + bash + gone)
	f.Add(alpine)
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range managers {
			list, _ := m.parse(strings.NewReader(text))
			for _, e := range list {
				if !plain(e.name) || !plain(e.version) {
					t.Errorf("%+v", e)
				}
			}
		}
	})
}
