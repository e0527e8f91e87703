package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/rig"

	"github.com/spf13/cobra"
)

// demoTimeout bounds the whole demo: where a step fails, it says which and ends.
const demoTimeout = 2 * time.Minute

// Names in the demo.
const (
	demoMinion = "web1"
	demoRule   = "restore-motd"
	demoText   = "Welcome. This server is kept in its state by Brine.\n"
)

func newDemo(a *app) *cobra.Command {
	var keep bool
	var bin string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job at work: a drifted file is put back through the master",
		Long: `Demo starts a real master and a real minion in a temporary folder, enrols the minion by its key, and lets a managed file drift:
it is edited, replaced, deleted and chmod-ed. For each it prints what was seen, which rule fired, what was pushed and how long it took until the
file was right again. Nothing outside the folder is touched, and nothing is left running.`,
		Example: "  brine demo\n  brine demo --keep     # leave it running, to play with",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), bin, keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave master and minion running until Ctrl-C, and print commands to play with")
	cmd.Flags().StringVar(&bin, "bin", "", "`folder` of brine-master and brine-minion (default: that of this program)")
	return cmd
}

func (a *app) demo(ctx context.Context, bin string, keep bool) (err error) {
	if bin == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		bin = filepath.Dir(self)
	}
	dir, err := os.MkdirTemp("", "brine-demo-")
	if err != nil {
		return err
	}
	r, err := rig.New(dir, bin)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, r.Stop(), os.RemoveAll(dir)) }()
	d := &demo{app: a, rig: r, file: filepath.Join(dir, "host/etc/motd")}
	timed, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	if err := d.run(timed); err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	if keep {
		d.play(ctx)
	}
	return nil
}

type demo struct {
	*app
	rig  *rig.Rig
	file string
	last event.ID // the drift shown last
	from uint64   // the log's end before it
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) run(ctx context.Context) error {
	if err := d.setUp(ctx); err != nil {
		return err
	}
	for _, drift := range []struct {
		name string
		do   func() error
	}{
		{"edited in place", func() error { return os.WriteFile(d.file, []byte("all your base\n"), 0o644) }},
		{"replaced by another file", d.replace},
		{"deleted", func() error { return os.Remove(d.file) }},
		{"made writable for everybody (chmod 0666)", func() error { return os.Chmod(d.file, 0o666) }},
	} {
		if err := d.drift(ctx, drift.name, drift.do); err != nil {
			return fmt.Errorf("%s: %w", drift.name, err)
		}
	}
	d.say("\nWhy? `brine event trace %s` says so at any time:\n", d.last)
	socket := d.socket
	d.socket = d.rig.Client.Socket()
	err := run(ctx, d.streams, []string{"--socket", d.socket, "event", "trace", d.last.String()})
	d.socket = socket
	if err != exitOK {
		return errors.New("the trace could not be shown")
	}
	return nil
}

// setUp starts everything and brings the file about for the first time.
func (d *demo) setUp(ctx context.Context) error {
	d.say("Setting up in %s", d.rig.Dir)
	write := func(rel, text string) error { return d.rig.Write(rel, text) }
	if err := errors.Join(
		os.MkdirAll(filepath.Dir(d.file), 0o755),
		write("states/motd", demoText),
		write("states/motd.sls", d.file+":\n  file.managed:\n    - source: brine://motd\n    - mode: '0644'\n"),
		write("reactors/motd.yaml", demoRule+":\n  on: brine/beacon/*/file"+event.EscapeTag(d.file)+"\n  do:\n    - state.apply: motd\n"),
	); err != nil {
		return err
	}
	if err := d.rig.StartMaster(ctx); err != nil {
		return err
	}
	d.say("  master   listens on %s", d.rig.Addr)
	m, err := d.rig.NewMinion(demoMinion, "beacons:\n  file:\n    paths:\n      "+d.file+": {settle: 0s}\n")
	if err != nil {
		return err
	}
	if err := d.rig.Start(m); err != nil {
		return err
	}
	if err := d.rig.Accept(ctx, demoMinion); err != nil {
		return err
	}
	d.say("  minion   %s asked to be let in; its key was accepted", demoMinion)
	if err := d.rig.Online(ctx, demoMinion); err != nil {
		return err
	}
	if _, err := d.rig.Client.Submit(ctx, api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"motd"}}, Tgt: demoMinion}); err != nil {
		return err
	}
	if err := d.rig.Wait(ctx, "the file is there", func() (bool, error) { return d.right(), nil }); err != nil {
		return err
	}
	d.say("  state    motd applied: %s is as wanted", d.file)
	return d.quiet(ctx)
}

// quiet waits until the master knows the file as it is: the event of Brine's own change is in the log.
func (d *demo) quiet(ctx context.Context) error {
	return d.rig.Wait(ctx, "the minion has told its own change", func() (bool, error) {
		for line, err := range d.rig.Client.Events(ctx, api.Query{Tag: d.tag(), From: d.from + 1}) {
			if err != nil {
				return false, err
			}
			if line.Event != nil && line.Event.Own {
				d.from = line.Event.Pos
				return true, nil
			}
		}
		return false, nil
	})
}

func (d *demo) tag() string {
	return "brine/beacon/" + demoMinion + "/file" + event.EscapeTag(d.file)
}

// right reports whether the file is as wanted.
func (d *demo) right() bool {
	info, err := os.Lstat(d.file)
	if err != nil || info.Mode() != 0o644 {
		return false
	}
	text, err := os.ReadFile(d.file)
	return err == nil && bytes.Equal(text, []byte(demoText))
}

func (d *demo) replace() error {
	tmp := d.file + ".tmp"
	if err := os.WriteFile(tmp, []byte("somebody else's file\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, d.file)
}

// drift lets the file drift and shows how it comes right.
func (d *demo) drift(ctx context.Context, name string, do func() error) error {
	d.say("\n%s was %s", filepath.Base(d.file), name)
	if err := do(); err != nil {
		return err
	}
	start := time.Now()
	for !d.right() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the file did not come right: %w", err)
		}
		time.Sleep(50 * time.Microsecond) // the look of somebody outside; a watch would measure itself
	}
	took := time.Since(start)
	before := d.from
	if err := d.quiet(ctx); err != nil {
		return err
	}
	for line, err := range d.rig.Client.Events(ctx, api.Query{From: before + 1, To: d.from, Tag: d.tag()}) {
		if err != nil {
			return err
		}
		if e := line.Event; e != nil && !e.Own {
			if err := d.explain(ctx, e); err != nil {
				return err
			}
		}
	}
	d.say("  right    after %s", took.Round(10*time.Microsecond))
	return nil
}

// explain says what came of a drift, out of its trace.
func (d *demo) explain(ctx context.Context, e *event.Event) error {
	var data struct {
		Change string `json:"change"`
	}
	if err := e.Data.Decode(&data); err != nil {
		return err
	}
	d.last = e.ID
	d.say("  seen     %s (%s)", data.Change, e.ID)
	t, err := d.rig.Client.Trace(ctx, e.ID.String())
	if err != nil {
		return err
	}
	t.Root.Walk(func(t *api.Trace) {
		for _, v := range t.Verdicts {
			if v.Outcome == "fired" {
				d.say("  decided  by rule %s", v.Rule)
			}
		}
		for _, j := range t.Jobs {
			d.say("  pushed   %s %s to %s (job %s)", j.Fun, strings.Join(j.Args.SLS, " "), j.Target, j.JID)
		}
	})
	return nil
}

// play leaves everything running until somebody ends it.
func (d *demo) play(ctx context.Context) {
	d.say(`
Everything keeps running until Ctrl-C. In another terminal:

  export BRINE_SOCKET=%s
  brine event watch
  echo drift > %s
  brine minion list
  brine state apply %s motd --test
  $EDITOR %s      # rules take effect when saved
`, d.rig.Client.Socket(), d.file, demoMinion, d.rig.Path("reactors/motd.yaml"))
	<-ctx.Done()
	d.say("stopping")
}
