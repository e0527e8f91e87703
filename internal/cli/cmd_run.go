package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/command"
	"brine/internal/event"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

// commandGrace is how much longer than the command may run its result is waited for.
const commandGrace = 10 * time.Second

func newCmdRun(a *app) *cobra.Command {
	var tgtType, stdin string
	var env []string
	var c command.Args
	timeout, ttl := duration(command.DefaultTimeout), duration(0)
	cmd := &cobra.Command{
		Use: "run TARGET -- COMMAND [ARG ...]", Short: "Run a command on minions, and show what each prints as it comes", Args: atLeast(2, "the target or the command"),
		Long: `Run a command on minions. No shell reads it: write -- sh -c '...' where you want one. A minion does it only if its configuration allows
cmd.run (allow: {functions: [..., cmd.run]}, and allow.commands for which commands). What is printed is kept in the log, 32 KiB
of each stream. For a minion that is away the job waits as long as --ttl says.
Exit code 1 if a command failed or was refused; 3 if somebody has not answered.`,
		Example: `  brine cmd run 'web*' -- uptime
  brine cmd run -G os:Debian -- sh -c 'apt-get -qq update && apt list --upgradable'
  brine cmd run db1 --user postgres --timeout 10m -- vacuumdb --all`,
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at >= 0 && at != 1 {
				return usagef("usage: "+cmd.UseLine(), "one target stands before --, not %d", at)
			}
			c.Argv, c.Timeout = args[1:], time.Duration(timeout)
			if err := a.commandInput(&c, env, stdin); err != nil {
				return err
			}
			data, err := event.Encode(c.Plain())
			if err != nil {
				return usagef("", "%v", err)
			}
			if ttl == 0 {
				ttl = timeout + duration(commandGrace)
			}
			client := a.client()
			defer client.Close()
			sub, err := client.Submit(cmd.Context(), api.Submit{Fun: job.CmdRun, Tgt: args[0], TgtType: tgtType, TTL: api.Duration(ttl), Args: job.Args{Data: data}})
			if err != nil {
				return err
			}
			return a.await(cmd.Context(), client, sub, time.Duration(timeout)+commandGrace)
		},
	}
	addTgtType(cmd, &tgtType)
	flags := cmd.Flags()
	flags.StringArrayVar(&env, "env", nil, "a variable, `NAME=VALUE`; several times for several")
	flags.StringVar(&c.Cwd, "cwd", "", "the `folder` to run in (default /)")
	flags.StringVar(&c.User, "user", "", "whom to run as (default: the minion's own user)")
	flags.StringVar(&stdin, "stdin", "", "a `file` that is the command's input; - for our own")
	flags.Var(&timeout, "timeout", "how long the command may run")
	flags.Var(&ttl, "ttl", "how long the job waits for a minion that is away (default: as long as is waited for results)")
	return cmd
}

// commandInput fills in what flags say, and checks it all.
func (a *app) commandInput(c *command.Args, env []string, stdin string) error {
	for _, e := range env {
		name, value, ok := strings.Cut(e, "=")
		if !ok {
			return usagef("such as --env LANG=C", "--env %q: want NAME=VALUE", e)
		}
		if c.Env == nil {
			c.Env = map[string]string{}
		}
		c.Env[name] = value
	}
	if stdin != "" {
		text, err := readInput(a, stdin)
		if err != nil {
			return usagef("", "--stdin: %v", err)
		}
		c.Stdin = string(text)
	}
	if err := c.Validate(); err != nil {
		return usagef("", "%v", err)
	}
	return nil
}

// maxInput bounds the input of a command; more would not fit its job anyhow.
const maxInput = 256 << 10

func readInput(a *app, path string) ([]byte, error) {
	in := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, maxInput))
}

// showRan shows what a command printed, below its minion's line.
func (a *app) showRan(p palette, r job.Result) {
	for i, stream := range []string{r.Stdout, r.Stderr} {
		if stream == "" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSuffix(stream, "\n"), "\n") {
			line = clean(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
			if i == 1 {
				line = p.yellow(line)
			}
			fmt.Fprintf(a.out, "  %s\n", line)
		}
	}
}
