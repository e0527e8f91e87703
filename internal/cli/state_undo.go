package cli

import (
	"fmt"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"

	"github.com/spf13/cobra"
)

// undoTTL is how long an undo waits for a minion that is away: long enough for a restart, not so long that it surprises anybody.
const undoTTL = 5 * time.Minute

func newStateUndo(a *app) *cobra.Command {
	var tgtType string
	var ask job.Undo
	var list, test bool
	timeout, ttl := duration(5*time.Minute), duration(undoTTL)
	cmd := &cobra.Command{
		Use: "undo TARGET [PATH|STATE ...]", Short: "Put back what Brine overwrote or removed", Args: atLeast(1, "the target"),
		Long: `Put back what Brine overwrote or removed on minions, with owner, mode, ACL and extended attributes. Each minion keeps it, bounded, in a
folder that only it can read.

  PATH         what was pushed aside there last
  STATE        its id in the SLS, or "function: name": what its last run pushed aside
  --job JID    what that job pushed aside, of the paths and states named or of all
  --hash HASH  that content, by its SHA-256 or the beginning of it
  nothing      all that the last run pushed aside

What is overwritten by that is kept in turn: an undo can be undone. An enforced state is then left as it is until it is applied again with
"brine state apply", and is listed by "brine state drift" as undone; where the undo makes it right, it is enforced as before. --kept
shows what is kept.
Exit code 1 if something could not be put back, or nothing is kept; 3 if somebody has not answered.`,
		Example: `  brine state undo web1 --kept
  brine state undo web1 /etc/motd --test
  brine state undo web1 /etc/motd
  brine state undo 'web*' --job g2tsmuom4pkhxexd`,
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkHash(ask.Hash); err != nil {
				return err
			}
			fun := job.StateUndo
			if list {
				if test {
					return usagef("", "--kept changes nothing: --test has no meaning with it")
				}
				fun = job.StateKept
			}
			ask.Of = args[1:]
			data, err := event.Encode(ask)
			if err != nil {
				return usagef("", "%v", err)
			}
			c := a.client()
			defer c.Close()
			sub, err := c.Submit(cmd.Context(), api.Submit{Fun: fun, Tgt: args[0], TgtType: tgtType, TTL: api.Duration(ttl),
				Args: job.Args{Data: data, Test: test}})
			if err != nil {
				return err
			}
			if list {
				return a.showKept(cmd.Context(), c, sub, time.Duration(timeout))
			}
			return a.await(cmd.Context(), c, sub, time.Duration(timeout))
		},
	}
	addTgtType(cmd, &tgtType)
	flags := cmd.Flags()
	flags.BoolVar(&list, "kept", false, "list what is kept, the newest first, and change nothing")
	flags.StringVar(&ask.JID, "job", "", "only what the job with this `jid` pushed aside")
	flags.StringVar(&ask.Hash, "hash", "", "only the content with this `hash`")
	flags.BoolVar(&test, "test", false, "say what would change, and change nothing")
	flags.Var(&timeout, "timeout", "how long to wait for results; the job goes on all the same")
	flags.Var(&ttl, "ttl", "how long the job waits for a minion that is away")
	return cmd
}

// checkHash says what is wrong with --hash; empty is none.
func checkHash(hash string) error {
	if hash != "" && (len(hash) < job.MinHash || strings.Trim(hash, "0123456789abcdef") != "") {
		return usagef("`brine state undo TARGET --kept` shows the hashes", "--hash %q: want at least %d letters of a SHA-256", hash, job.MinHash)
	}
	return nil
}

// showUndone says which enforced states an undo has an effect on.
func (a *app) showUndone(p palette, r job.Result) {
	var done job.Undone
	if r.Fun != job.StateUndo || r.Return.Decode(&done) != nil {
		return
	}
	say := "not enforced until it is applied again:"
	if r.Test {
		say = "would not be enforced until it is applied again, unless it is right then:"
	}
	for _, key := range done.Paused {
		fmt.Fprintf(a.out, "  %s %s %s\n", p.yellow("paused "), say, clean(key))
	}
	for _, key := range done.Resumed {
		fmt.Fprintf(a.out, "  %s it is as it was applied, and enforced again: %s\n", p.green("resumed"), clean(key))
	}
}

// undone is how an undo went, in words.
func undone(r job.Result, changed int) string {
	switch {
	case changed == 0:
		return "nothing to put back: it is as it was"
	case r.Test:
		return fmt.Sprintf("would put back %d of %s", changed, plural(len(r.States), "path"))
	}
	return fmt.Sprintf("put back %d of %s", changed, plural(len(r.States), "path"))
}

// undoText is what an undo was asked for, in words.
func undoText(data event.Data) string {
	var ask job.Undo
	if data.Decode(&ask) != nil {
		return ""
	}
	text := strings.Join(append([]string{""}, ask.Of...), " ")
	if ask.JID != "" {
		text += " --job " + ask.JID
	}
	if ask.Hash != "" {
		text += " --hash " + ask.Hash
	}
	return text
}
