package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/beacons/file"
	"brine/internal/beacontest"
	"brine/internal/config"
	"brine/internal/hostfs"
)

func write(path string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		t.Helper()
		p := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(t.Name()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func known(key string) func(map[string][]byte) bool {
	return func(kept map[string][]byte) bool { return kept[key] != nil }
}

func TestConformance(t *testing.T) {
	change := func(path string) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			if err := os.WriteFile(filepath.Join(root, path), []byte("changed"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	beacontest.Run(t, file.Module(),
		beacontest.Case{Name: "a file changes", Config: `paths: {/etc/motd: {}}`, Setup: write("etc/motd"),
			Ready: known("r:/etc/motd"), Act: change("etc/motd"), Tags: []string{"etc/motd"}},
		beacontest.Case{Name: "a file comes", Config: `paths: {/etc/motd: {settle: 0s}}`,
			Ready: known("r:/etc/motd"), Act: write("etc/motd"), Tags: []string{"etc/motd"}},
		beacontest.Case{Name: "a file comes in a tree", Config: `paths: {/srv: {recurse: true}}`, Setup: write("srv/a/b"),
			Ready: known("r:/srv"), Act: write("srv/c/100% *"), Tags: []string{"srv/c/100%25 %2A"}},
		beacontest.Case{Name: "a name that is no UTF-8", Config: `paths: {/srv: {}}`, Setup: write("srv/a"),
			Ready: known("r:/srv"), Act: write("srv/caf\xe9"), Tags: []string{"srv/caf%E9"}},
		beacontest.Case{Name: "a link leads out of the root", Config: `paths: {/srv: {recurse: true}, /out: {}}`,
			Setup: func(t *testing.T, root string) {
				write("srv/a")(t, root)
				for _, l := range []string{"srv/passwd", "srv/etc", "out"} {
					if err := os.Symlink("/etc", filepath.Join(root, l)); err != nil {
						t.Fatal(err)
					}
				}
			},
			Ready: known("r:/srv"), Act: change("srv/a"), Tags: []string{"srv/a"}},
	)
}

// Each wrong option is refused with its name, its value and its bound.
func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                             "paths",
		`paths: {etc/motd: {}}`:          `"etc/motd" is not absolute`,
		`paths: {/etc/: {}}`:             `shortest form, "/etc"`,
		`paths: {/: {recurse: true}}`:    "kernel's own",
		`paths: {/proc/mounts: {}}`:      "kernel's own",
		`paths: {/a: {settle: 2m}}`:      "settle is 2m0s; want 0s to 1m0s",
		`paths: {/a: {every: 1ms}}`:      "every is 1ms",
		`paths: {/a: {every: 200h}}`:     "every is 200h",
		`paths: {/a: {recursive: true}}`: "recurse",
		`paths: {/a: {include: ['[']}}`:  `include: pattern "["`,
		`paths: {/a: {exclude: ['']}}`:   `exclude: pattern "" has 0 bytes; want 1 to 512`,
		`paths: {/a: {exclude: [/a/b]}}`: `pattern "/a/b" is absolute`,
	} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		err := n.Decode(file.Module().Config()).Err()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}

// The files that Brine itself makes for a moment are nobody's change.
func TestDraftsAgreeWithHostfs(t *testing.T) {
	for _, name := range []string{"motd", "", "a b", "\xff"} {
		for _, draft := range []string{hostfs.TempName(name), hostfs.TempName(name) + "~"} {
			if !file.Draft(draft) {
				t.Errorf("%q is the draft of %q, and not taken for one", draft, name)
			}
		}
	}
	for _, name := range []string{"motd", ".brine-", ".brine-0123456789abcde", ".brine-0123456789abcdeg", ".brine-0123456789abcdef0", "x.brine-0123456789abcdef"} {
		if file.Draft(name) {
			t.Errorf("%q is taken for a draft", name)
		}
	}
}
