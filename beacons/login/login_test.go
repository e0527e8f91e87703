package login

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/linux"
)

// records are the captured ones of a file, as if they were written now.
func records(t *testing.T, name string) (list [][]byte) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the records were captured on amd64")
	}
	b, err := os.ReadFile("../../internal/linux/testdata/utmp/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for size := linux.LoginRecordSize(); len(b) >= size; b = b[size:] {
		binary.NativeEndian.PutUint32(b[340:], uint32(time.Now().Unix()))
		list = append(list, b[:size])
	}
	return list
}

func write(t *testing.T, path string, list ...[]byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, b := range list {
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

func setup(t *testing.T, root string) {
	if err := os.MkdirAll(root+"/var/log", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, root+wtmp, records(t, "wtmp")[0])
	write(t, root+btmp)
}

func ready(kept map[string][]byte) bool { return kept["at"+wtmp] != nil && kept["at"+btmp] != nil }

func TestConformance(t *testing.T) {
	in, bad := records(t, "wtmp"), records(t, "btmp") // here: in a case it would be a file outside the root
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "sessions", Config: `{}`, Setup: setup, Ready: ready,
			Act: func(t *testing.T, root string) { write(t, root+wtmp, in[1:]...) }, Tags: []string{"begun", "ended"}},
		beacontest.Case{Name: "failures", Config: `{tell: [failed], few: {above: 1, within: 1h, by: address, clear_for: 1h}, many: {above: 2}}`, Setup: setup, Ready: ready,
			Act: func(t *testing.T, root string) { write(t, root+btmp, bad...) }, Tags: []string{"failed", "failed", "few"}},
	)
}

// Nothing is missed or told twice over a rotation, half-written records and an emptied file; who had logged in before is known.
func TestFollows(t *testing.T) {
	root := t.TempDir()
	setup(t, root)
	l := beacontest.Start(t, Module(), `{tell: [begun, ended, failed], guessed: {above: 1, within: 1h, by: user}}`, beacons.Env{Root: root, AtStart: true})
	if d := l.Next(Begun).Data.(Data); d.User != "alice" || d.TTY != "pts/3" || d.Address != "192.0.2.7" {
		t.Errorf("%+v", d)
	}
	in, bad := records(t, "wtmp"), records(t, "btmp")
	write(t, root+wtmp, in[1][:100])
	l.Quiet(50 * time.Millisecond)
	write(t, root+wtmp, in[1][100:])
	if d := l.Next(Begun).Data.(Data); d.User != "bob" || d.Address != "2001:db8::1" || d.PID == 0 {
		t.Errorf("%+v", d)
	}
	if err := os.Rename(root+wtmp, root+wtmp+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, root+wtmp+".1", in[2]) // by a program that had it open
	if d := func() Data { write(t, root+wtmp, in[0]); return l.Next(Ended).Data.(Data) }(); d.User != "alice" || d.Began.IsZero() || d.Reboot {
		t.Errorf("%+v", d)
	}
	if d := l.Next(Begun).Data.(Data); d.User != "alice" {
		t.Errorf("%+v", d)
	}
	if err := os.Truncate(root+wtmp, 0); err != nil {
		t.Fatal(err)
	}
	boot := make([]byte, linux.LoginRecordSize())
	boot[0] = linux.LoginBoot
	write(t, root+wtmp, boot[:1])
	l.Quiet(50 * time.Millisecond) // the file is seen to be short
	write(t, root+wtmp, boot[1:])
	for range 2 {
		if d := l.Next(Ended).Data.(Data); !d.Reboot {
			t.Errorf("%+v", d)
		}
	}
	write(t, root+btmp, bad...)
	for range bad {
		if d := l.Next(Failed).Data.(Data); d.Host != "192.0.2.99" || d.User != "UNKNOWN" {
			t.Errorf("%+v", d)
		}
	}
	if d := l.Next("guessed").Data.(Data); d.Key != "UNKNOWN" || d.Count != 2 || d.Threshold != 1 || d.State != "entered" {
		t.Errorf("%+v", d)
	}
}

// What was recorded during a stop is told after it, over a rotation too, up to a bound.
func TestAfterAStop(t *testing.T) {
	root := t.TempDir()
	setup(t, root)
	f := &follower{path: filepath.Join(root, btmp)}
	_, at, _, err := f.next()
	if err != nil {
		t.Fatal(err)
	}
	f.close()
	one := records(t, "btmp")[0]
	write(t, root+btmp, one)
	if err := os.Rename(root+btmp, root+btmp+".1"); err != nil {
		t.Fatal(err)
	}
	const more = maxCatchUp + 7
	write(t, root+btmp, []byte(strings.Repeat(string(one), more)))
	f = &follower{path: filepath.Join(root, btmp), at: at, ever: true}
	defer f.close()
	read, missed := 0, int64(0)
	for {
		list, behind, m, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		if behind == f.at {
			break
		}
		read, missed, f.at = read+len(list), missed+m, behind
	}
	if read != 1+maxCatchUp || missed != more-maxCatchUp {
		t.Errorf("%d read and %d passed over", read, missed)
	}
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`tell: [login]`:              `tell: "login"; want one of begun`,
		`a: {above: 3, by: host}`:    `a: by: "host"; want address or user`,
		`a: {above: 3, within: 1ms}`: `a: within: 1ms; want 1s to 24h`,
		`a: {above: 30%}`:            `a: 30% is a share`,
		`failed: {above: 3}`:         `failed: no name for a limit`,
	})
}
