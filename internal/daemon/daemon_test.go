package daemon

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

type hinted struct{ error }

func (hinted) Hint() string { return "plug it in" }

func TestExitCodes(t *testing.T) {
	var ran bool
	run := func(err error) Daemon {
		return Daemon{
			Name: "brine-x", Config: "/etc/brine/x.yaml",
			Check: func(path string) error {
				if strings.Contains(path, "bad") {
					return errors.New(path + ":3:5: unknown key \"listn\" (did you mean listen?)")
				}
				return nil
			},
			Run: func(_ context.Context, env Env) error {
				ran = true
				if env.Log == nil || env.Reload == nil || env.Config == "" {
					t.Errorf("%+v", env)
				}
				return err
			},
		}
	}
	tests := []struct {
		name   string
		args   string
		err    error // of Run
		code   int
		runs   bool
		stderr string
	}{
		{"it ends well", "", nil, ExitOK, true, ""},
		{"it cannot go on", "", errors.New("no disk"), ExitFail, true, "error: no disk\n"},
		{"what it says is no usage", "", errors.New("unknown flag of the disk"), ExitFail, true, "error: unknown flag of the disk\n"},
		{"with a hint", "", hinted{errors.New("no power")}, ExitFail, true, "error: no power\nhint: plug it in\n"},
		{"unknown flag", "--confg x", nil, ExitUsage, false, "error: unknown flag: --confg\n"},
		{"flag without its value", "--config", nil, ExitUsage, false, "error: flag needs an argument: --config\n"},
		{"wrong value", "--check=perhaps", nil, ExitUsage, false, "error: invalid argument \"perhaps\""},
		{"an argument", "start", nil, ExitUsage, false, "error: unknown command \"start\""},
		{"configuration fault", "--config bad.yaml", nil, ExitUsage, false,
			"error: bad.yaml:3:5: unknown key \"listn\" (did you mean listen?)\nhint: `brine-x --check` reads the configuration and starts nothing\n"},
		{"check", "--check", nil, ExitOK, false, ""},
		{"check of a faulty one", "--check --config bad.yaml", nil, ExitUsage, false, "error: bad.yaml:3:5"},
		{"log level", "--log-level loud", nil, ExitUsage, false, "error: log level \"loud\": want debug, info, warn or error\n"},
		{"help", "--help", nil, ExitOK, false, ""},
		{"version", "--version", nil, ExitOK, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ran = false
			var stderr bytes.Buffer
			code := Main(run(tt.err), strings.Fields(tt.args), &stderr)
			if code != tt.code || ran != tt.runs || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("exit %d, ran %v\n%s", code, ran, stderr.String())
			}
		})
	}
}

// SIGTERM ends the daemon's context, SIGHUP comes to Reload.
func TestSignals(t *testing.T) {
	d := Daemon{Name: "brine-x", Check: func(string) error { return nil }, Run: func(ctx context.Context, env Env) error {
		for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				return err
			}
			if s == syscall.SIGHUP {
				<-env.Reload
			}
		}
		<-ctx.Done()
		return nil
	}}
	var stderr bytes.Buffer
	if code := Main(d, nil, &stderr); code != ExitOK || !strings.Contains(stderr.String(), "stopped") {
		t.Errorf("exit %d\n%s", code, stderr.String())
	}
}
