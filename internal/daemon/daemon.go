// Package daemon is what the two daemons have in common: flags, the log, signals and exit codes. It must never know what
// a daemon does.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Version is the version of this build; the Makefile sets it.
var Version = "dev"

// Exit codes of the daemons.
const (
	ExitOK    = 0
	ExitFail  = 1 // it ran and could not go on
	ExitUsage = 2 // wrong flags or configuration: starting it again will not help
)

// Daemon describes one.
type Daemon struct {
	Name   string
	Short  string
	Long   string
	Config string // the default of --config
	// Check reads the configuration and says what is wrong with it.
	Check func(path string) error
	// Run runs until ctx ends.
	Run func(ctx context.Context, env Env) error
	// TestBeacon runs one beacon on the spot and gives exit code 1 with ErrNothing; nil: there is no such command.
	TestBeacon func(ctx context.Context, t BeaconTest) error
}

// Env is what a daemon gets.
type Env struct {
	Config string // path
	Log    *slog.Logger
	Reload <-chan os.Signal // SIGHUP
}

// ErrConfig wraps what is wrong with a configuration.
var ErrConfig = errors.New("configuration")

// errUsage wraps what is wrong with flags and arguments.
var errUsage = errors.New("usage")

// Main runs a daemon as a process and gives its exit code.
func Main(d Daemon, args []string, stderr io.Writer) int {
	cmd := d.command(stderr)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(context.Background())
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrConfig):
		text := strings.TrimPrefix(err.Error(), ErrConfig.Error()+": ")
		hint := fmt.Sprintf("`%s --check` reads the configuration and starts nothing", d.Name)
		if errors.Is(err, fs.ErrNotExist) {
			hint = fmt.Sprintf("`%s --config FILE` names another file; the default is %s", d.Name, d.Config)
		}
		fmt.Fprintf(stderr, "error: %s\nhint: %s\n", text, hint)
		return ExitUsage
	}
	fmt.Fprintf(stderr, "error: %s\n", strings.TrimPrefix(err.Error(), errUsage.Error()+": "))
	var hint interface{ Hint() string }
	if errors.As(err, &hint) && hint.Hint() != "" {
		fmt.Fprintf(stderr, "hint: %s\n", hint.Hint())
	}
	if errors.Is(err, ErrNothing) {
		fmt.Fprintln(stderr, "hint: it fires when something happens, or is beyond a limit for as long as that says; --for 5m watches longer")
	}
	if errors.Is(err, errUsage) {
		return ExitUsage
	}
	return ExitFail
}

func (d Daemon) command(stderr io.Writer) *cobra.Command {
	var config, level string
	var check bool
	cmd := &cobra.Command{
		Use: d.Name, Short: d.Short, Long: d.Long, Version: Version,
		Args:          func(cmd *cobra.Command, args []string) error { return usage(cobra.NoArgs(cmd, args)) },
		SilenceErrors: true, SilenceUsage: true,
		Example: fmt.Sprintf("  %s --config %s\n  %s --check", d.Name, d.Config, d.Name),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.Check(config); err != nil {
				return fmt.Errorf("%w: %w", ErrConfig, err)
			}
			if check {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is in order\n", config)
				return nil
			}
			var l slog.Level
			if err := l.UnmarshalText([]byte(level)); err != nil {
				return fmt.Errorf("%w: log level %q: want debug, info, warn or error", ErrConfig, level)
			}
			log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: l}))
			return d.run(cmd.Context(), Env{Config: config, Log: log})
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	cmd.Flags().StringVar(&config, "config", d.Config, "configuration `file`; what lies in the .d folder beside it is merged in")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	if d.TestBeacon != nil {
		cmd.AddCommand(d.beaconCommand(stderr))
		cmd.CompletionOptions.DisableDefaultCmd = true
	}
	cmd.Flags().BoolVar(&check, "check", false, "read the configuration, say what is wrong with it, and end")
	return cmd
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errUsage, err)
}

// run ends the daemon at SIGINT and SIGTERM; a second one ends the process at once.
func (d Daemon) run(ctx context.Context, env Env) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from the first signal on, the next has its usual effect
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	env.Reload = hup
	err := d.Run(ctx, env)
	env.Log.Info("stopped", "daemon", d.Name)
	return err
}
