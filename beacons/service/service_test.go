package service

import (
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"brine/beacons"
	"brine/internal/beacontest"
)

var (
	running = order{Unit: "web.service", State: Active, Sub: "running", Result: "success", PID: 811}
	broken  = order{Unit: "web.service", State: Failed, Sub: "failed", Result: "exit-code", Code: exited, Status: 3}
)

func TestConformance(t *testing.T) {
	setup := func(t *testing.T, root string) {
		fake(t, root)
		do(t, root, running, order{Unit: "srv.mount", State: Active, Sub: "mounted"}, order{Unit: "old@a.service", State: Failed, Sub: "failed", Restarts: 5})
	}
	ready := func(kept map[string][]byte) bool { return kept[looked] != nil }
	beacontest.Run(t, Module(),
		beacontest.Case{Name: "fails", System: true, Config: `{}`, Setup: setup, Ready: ready,
			Act: func(t *testing.T, root string) { do(t, root, broken) }, Tags: []string{"web.service/failed"}},
		beacontest.Case{Name: "all", System: true, Config: `{units: [web, '*.mount'], tell: [active, inactive, restarted]}`, Setup: setup, Ready: ready,
			Act: func(t *testing.T, root string) {
				again := running
				again.Restarts = 1
				do(t, root, order{Unit: "srv.mount", Unload: true}, order{Unit: "web.service", State: "activating", Sub: "auto-restart", Restarts: 1}, again,
					order{Unit: "web.service", State: Inactive, Sub: "dead"}, running, running)
			}, Tags: []string{"srv.mount/inactive", "web.service/restarted", "web.service/inactive", "web.service/active"}},
	)
}

// What systemd says of a failure is in the event; what changes while nobody is connected is told when somebody is again.
func TestWhatIsTold(t *testing.T) {
	root := t.TempDir()
	fake(t, root)
	do(t, root, running)
	l := beacontest.Start(t, Module(), `tell: [active, inactive, failed, recovered, restarted]`, beacons.Env{Root: root, AtStart: true})
	if d := l.Next("web.service/active").Data.(Data); d.MainPID != 811 || d.Description != "The unit web.service" || d.Sub != "running" {
		t.Errorf("%+v", d)
	}
	do(t, root, broken)
	code := int64(3)
	want := Data{Unit: "web.service", Description: "The unit web.service", Change: Failed, State: Failed, Sub: "failed", Was: Active, Result: "exit-code", ExitCode: &code}
	if d := cmp.Diff(want, l.Next("web.service/failed").Data); d != "" {
		t.Error(d)
	}
	do(t, root, order{Unit: "web.service", State: "activating", Sub: "start"}, running)
	if d := l.Next("web.service/recovered").Data.(Data); d.Was != Failed || d.State != Active {
		t.Errorf("%+v", d)
	}
	killed := order{Unit: "web.service", State: Failed, Sub: "failed", Result: "signal", Code: killed, Status: 9, Silent: true}
	do(t, root, order{Leave: true}, killed, order{Return: true})
	if d := l.Next("web.service/failed").Data.(Data); d.Signal == nil || *d.Signal != 9 || d.ExitCode != nil {
		t.Errorf("%+v", d)
	}
	do(t, root, order{Unit: "new.service", State: Active, Sub: "running"})
	l.Next("new.service/active")
	l.Quiet(50 * time.Millisecond)
}

// Without systemd, without a bus at all, nothing is told and nothing fails; both are found when they come.
func TestComesLater(t *testing.T) {
	root := t.TempDir()
	beacontest.Write(t, root, "run/dbus/other", "")
	l := beacontest.Start(t, Module(), `{}`, beacons.Env{Root: root, AtStart: true})
	l.Quiet(50 * time.Millisecond)
	fake(t, root)
	do(t, root, broken)
	l.Next("web.service/failed")
}

func TestRefusedOptions(t *testing.T) {
	beacontest.Refused(t, Module(), map[string]string{
		`units: []`:                 `units: none is named`,
		`units: [/etc/x]`:           `units: "/etc/x" is no unit's name`,
		`tell: [dead]`:              `tell: "dead"; want one of active`,
		`tell: []`:                  `tell: nothing is to be told`,
		`{units: [x], excpet: [y]}`: `excpet`,
	})
}

func TestMeant(t *testing.T) {
	c := &Config{Units: []string{"ssh", "php*.service", "*.mount"}, Except: []string{"php-old*"}}
	for unit, want := range map[string]bool{"ssh.service": true, "ssh.socket": false, "php8-fpm.service": true, "php-old.service": false, `dev-disk\x2dx.mount`: true, "a b.mount": false} {
		if c.meant(unit) != want {
			t.Errorf("%q is meant: %v", unit, !want)
		}
	}
}

func FuzzSignal(f *testing.F) {
	f.Add(unitPath+"/web_2eservice", "ActiveState", "active", uint32(1))
	f.Fuzz(func(_ *testing.T, path, name, text string, number uint32) {
		for _, body := range [][]any{nil, {text}, {unitFace, map[string]dbus.Variant{name: dbus.MakeVariant(text), "MainPID": dbus.MakeVariant(number)}}, {number, text}, {systemd, text, text}} {
			for _, member := range []string{properties + ".PropertiesChanged", manager + ".UnitNew", ownerChanged, name} {
				c := read(&dbus.Signal{Path: dbus.ObjectPath(path), Name: member, Body: body})
				(&unit{}).set(c.properties)
			}
		}
	})
}
