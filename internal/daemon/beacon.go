package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// ErrNothing is what TestBeacon returns when the beacon ran well and fired nothing.
var ErrNothing = errors.New("nothing was fired")

// BeaconTest is what `beacon test` is asked for.
type BeaconTest struct {
	Name   string
	Config string // path of the minion's configuration; empty: the beacon's own sample
	For    time.Duration
	JSON   bool
	Out    io.Writer
	Log    *slog.Logger
}

// DefaultTestFor is how long `beacon test` runs a beacon.
const DefaultTestFor = 10 * time.Second

func (d Daemon) beaconCommand(stderr io.Writer) *cobra.Command {
	group := &cobra.Command{
		Use: "beacon", Short: "Try a beacon on this host", Args: func(cmd *cobra.Command, args []string) error { return usage(cobra.NoArgs(cmd, args)) },
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	t := BeaconTest{Log: slog.New(slog.NewTextHandler(stderr, nil))}
	var output, config string
	test := &cobra.Command{
		Use: "test NAME", Short: "Run one beacon on the spot and print what it fires",
		Long: `Run one beacon on this host and print what it fires, without a master and beside a minion that runs: nothing is kept and nothing is sent.
It begins without a memory, so that what it sees first is how things are. NAME is an instance of the configuration, or with --sample a kind of beacon,
which then runs with the options of its sample. SIGINT ends it early.

Exit codes:
  0  it fired something
  1  it fired nothing, or failed
  2  wrong usage or configuration`,
		Example: "  brine-minion beacon test file --config /etc/brine/minion.yaml\n  brine-minion beacon test load --sample --for 1m -o json",
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usage(errors.New("the beacon's NAME is missing"))
			case 1:
				return nil
			}
			return usage(fmt.Errorf("%q is one argument too many", args[1]))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			sample, _ := cmd.Flags().GetBool("sample")
			if output != "table" && output != "json" {
				return usage(fmt.Errorf("output %q: want table or json", output))
			}
			if t.For <= 0 {
				return usage(fmt.Errorf("--for %s: want more than nothing", t.For))
			}
			if sample && cmd.Flags().Changed("config") {
				return usage(errors.New("--sample and --config exclude each other"))
			}
			if t.Name, t.JSON, t.Out = args[0], output == "json", cmd.OutOrStdout(); !sample {
				t.Config = config
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return d.TestBeacon(ctx, t)
		},
	}
	test.Flags().StringVar(&config, "config", d.Config, "the minion's configuration `file`")
	test.Flags().Bool("sample", false, "take the options of the beacon's sample instead of a configuration")
	test.Flags().DurationVar(&t.For, "for", DefaultTestFor, "how long it runs")
	test.Flags().StringVarP(&output, "output", "o", "table", "`format`: table, or json: one object a line")
	test.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	group.AddCommand(test)
	return group
}
