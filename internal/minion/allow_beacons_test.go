package minion

import (
	"strings"
	"testing"

	"brine/beacons"
	"brine/internal/beaconset"
	"brine/internal/converge"
)

// running is a beacon's configuration that has programs run.
type running []beacons.Program

func (running) Validate() error                   { return nil }
func (running) Beacon(beacons.Env) beacons.Beacon { return nil }
func (r running) Programs() []beacons.Program     { return r }

// A master gets no command run by way of a beacon that it could not have run by a cmd.run.
func TestCommandsOfTheFleet(t *testing.T) {
	uname := running{{Argv: []string{"/bin/uname", "-r"}}}
	preload := running{{Argv: []string{"/bin/uname", "-r"}, Env: map[string]string{"LD_PRELOAD": "/tmp/x"}}}
	some := converge.Allow{Functions: []string{"cmd.run"}, Commands: []string{"/bin/uname -r"}}
	for _, c := range []struct {
		what  string
		allow converge.Allow
		beacons.Config
		want string
	}{
		{"as it comes", converge.DefaultAllow(), uname, `it runs commands, and so needs what cmd.run needs: function "cmd.run"`},
		{"a beacon that runs none", converge.DefaultAllow(), &clockConfig{}, ""},
		{"programs of none", converge.DefaultAllow(), running{}, ""},
		{"this command", some, uname, ""},
		{"another", some, running{uname[0], {Argv: []string{"/bin/sh", "-c", "id"}}}, `command "/bin/sh -c id"`},
		{"this one, made another by its environment", some, preload, "with env, cwd, user or stdin"},
		{"every command", converge.Allow{Functions: []string{"*"}, Commands: []string{"**"}}, preload, ""},
	} {
		m := &Minion{cfg: &Config{Allow: c.allow}}
		taken, refused := m.permitted([]beaconset.Instance{{Name: "x", From: "fleet.yaml:3", Config: c.Config}})
		switch {
		case c.want == "" && (len(taken) != 1 || len(refused) != 0):
			t.Errorf("%s: refused: %+v", c.what, refused)
		case c.want != "" && (len(taken) != 0 || len(refused) != 1 || !strings.Contains(refused[0].Error, c.want) || refused[0].From != "fleet.yaml:3"):
			t.Errorf("%s: %+v, %+v; want %q", c.what, taken, refused, c.want)
		}
	}
}
