package user

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

const (
	root0  = "root:x:0:0:root:/root:/bin/bash\n"
	alice  = "alice:x:1001:1001:Alice:/home/alice:/bin/bash\n"
	secret = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
)

func put(t *testing.T, root, name, text string) {
	t.Helper()
	beacontest.Write(t, root, name+"+", text)
	if err := os.Rename(root+name+"+", root+name); err != nil {
		t.Fatal(err)
	}
}

func setup(t *testing.T, root string) {
	put(t, root, passwd, root0+alice)
	put(t, root, shadow, "root:*:20000:0:99999:7:::\nalice:"+secret+":20000:0:99999:7:::\n")
	put(t, root, groups, "root:x:0:\nsudo:x:27:\nalice:x:1001:\n")
}

func ready(kept map[string][]byte) bool {
	return kept["looked/user/"] != nil && kept["looked/group/"] != nil
}

func TestConformance(t *testing.T) {
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "accounts", Config: `users: ['*', '!build*']`, Setup: setup, Ready: ready, Act: func(t *testing.T, root string) {
			put(t, root, passwd, root0+strings.Replace(alice, "/bin/bash", "/bin/sh", 1)+"eve:x:0:0::/:/bin/sh\nbuild1:x:1002:1002::/:/bin/sh\n")
		}, Tags: []string{"user/changed", "user/added", "user/superuser"}},
		beacontest.Case{Name: "groups", Config: `{}`, Setup: setup, Ready: ready, Act: func(t *testing.T, root string) {
			put(t, root, groups, "root:x:0:\nsudo:x:27:alice,bob\nalice:x:1002:\nnew:x:1003:\n")
		}, Tags: []string{"group/joined", "group/joined", "group/changed", "group/added"}},
	)
}

// A password that is changed or locked is told by its day and its kind; nothing of it goes into an event or a baseline.
func TestNothingOfAPassword(t *testing.T) {
	root := t.TempDir()
	setup(t, root)
	l := beacontest.Start(t, Module(), `{}`, beacons.Env{Root: root})
	for end := time.Now().Add(beacontest.Patience); !l.Kept("looked/group/"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first look did not end")
		}
	}
	put(t, root, shadow, "root:*:20000:0:99999:7:::\nalice:!"+secret+":20001:0:99999:7:::\n")
	d := l.Next("user/changed").Data.(Data)
	if want := []Field{{"password", "set", "locked"}, {"aged", "2024-10-04", "2024-10-05"}}; !slices.Equal(d.Fields, want) || d.User != "alice" || *d.UID != 1001 {
		t.Errorf("%+v", d)
	}
	if text := fmt.Sprintf("%+v", d); strings.Contains(text, secret[:8]) {
		t.Errorf("the hash is in %s", text)
	}
	put(t, root, passwd, root0)
	put(t, root, groups, "root:x:0:\nsudo:x:27:\n")
	if d := l.Next("user/removed").Data.(Data); d.User != "alice" || d.Home != "/home/alice" {
		t.Errorf("%+v", d)
	}
	if d := l.Next("group/removed").Data.(Data); d.Group != "alice" {
		t.Errorf("%+v", d)
	}
	if err := os.Remove(root + passwd); err != nil { // somebody replaces it by hand
		t.Fatal(err)
	}
	l.Quiet(2 * settle)
}

// What the host's own tools do is told once each.
func TestRealTools(t *testing.T) {
	useradd, err := exec.LookPath("useradd")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs useradd and root")
	}
	root := t.TempDir()
	setup(t, root)
	l := beacontest.Start(t, Module(), `{}`, beacons.Env{Root: root})
	for end := time.Now().Add(beacontest.Patience); !l.Kept("looked/group/"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the first look did not end")
		}
	}
	if out, err := exec.Command(useradd, "--prefix", root, "-u", "1500", "-U", "-G", "sudo", "carol").CombinedOutput(); err != nil {
		t.Skipf("useradd: %v: %s", err, out)
	}
	if d := l.Next("user/added").Data.(Data); d.User != "carol" || d.Password != "locked" {
		t.Errorf("%+v", d)
	}
	l.Next("group/added")
	if d := l.Next("group/joined").Data.(Data); d.Group != "sudo" || d.User != "carol" {
		t.Errorf("%+v", d)
	}
	l.Quiet(2 * settle)
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{`users: []`: "users: 0 entries", `groups: ['[a']`: `groups: "[a" is no pattern`, `user: [a]`: "user"} {
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

func FuzzFiles(f *testing.F) {
	f.Add(root0+alice, "root:*:20000:0:99999:7:::\nalice:"+secret+":20000:0:99999:7:::\n", "sudo:x:27:alice,bob\n")
	f.Fuzz(func(_ *testing.T, passwd, shadow, groups string) {
		list, _ := parsePasswd(strings.NewReader(passwd))
		_ = parseShadow(strings.NewReader(shadow), list)
		_, _ = parseGroup(strings.NewReader(groups))
	})
}
