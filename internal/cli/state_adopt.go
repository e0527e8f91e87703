package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/diff"
	"brine/internal/event"
	"brine/internal/job"
	"brine/internal/sealed"

	"github.com/spf13/cobra"
)

// maxAdoptDiff bounds the diff of an adoption, in bytes: what is accepted is to be seen whole.
const maxAdoptDiff = 1 << 20

// adoption is what `state adopt` was asked for.
type adoption struct {
	tgtType, hash      string
	sls                []string
	write, yes, secret bool
	timeout            time.Duration
}

func newStateAdopt(a *app) *cobra.Command {
	var ad adoption
	timeout := duration(time.Minute)
	cmd := &cobra.Command{
		Use: "adopt TARGET PATH|STATE", Short: "Take a drifted file over into the source it came from", Args: exactly(2, "the target, or the path or state"),
		Long: `Show how a file on a minion differs from its source, as a change to the source. What is shown is what stands on the minion's disk; where
Brine has corrected that already, what it pushed aside last. --hash chooses another content that is kept ("brine state undo TARGET --kept").

With --write the change is made to the source in the file roots, on this host and with your own rights; it asks first, unless --yes. Apply
the state then, so that minions have it. Contents that are written in an SLS are not edited: it says where they stand.

The minion has to allow the function state.fetch, and the path. The content comes through the log sealed, so that only this command can
read it; at most 180 KiB. What holds a secret by its name or content (shadow, private keys) is refused without --secret.
Exit code 1 if there is nothing to adopt, or it could not be written; 3 if the minion does not answer.`,
		Example: `  brine state adopt web1 /etc/motd
  brine state adopt web1 /etc/motd --write
  brine state adopt web1 'file.managed: /etc/motd' --hash 3f2a9c --sls motd`,
		ValidArgsFunction: a.asked(false, minionIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			ad.timeout = time.Duration(timeout)
			if err := checkHash(ad.hash); err != nil {
				return err
			}
			if ad.yes && !ad.write {
				return usagef("", "--yes has a meaning with --write only")
			}
			if ad.write && !ad.yes && !isTerminal(a.in) {
				return usagef("give --yes to write without being asked", "this would ask before it writes, and there is no terminal to ask at")
			}
			c := a.client()
			defer c.Close()
			return a.adopt(cmd.Context(), c, args[0], args[1], ad)
		},
	}
	addTgtType(cmd, &ad.tgtType)
	flags := cmd.Flags()
	flags.BoolVar(&ad.write, "write", false, "write it into the source")
	flags.BoolVarP(&ad.yes, "yes", "y", false, "do not ask")
	flags.StringVar(&ad.hash, "hash", "", "the content with this `hash`")
	flags.StringSliceVar(&ad.sls, "sls", nil, "the `SLS` that manages it, where that is not known")
	flags.BoolVar(&ad.secret, "secret", false, "what holds a secret too")
	flags.Var(&timeout, "timeout", "how long to wait for the minion")
	return cmd
}

// adopted is what came of it, as programs see it.
type adopted struct {
	Minion  string      `json:"minion"`
	Path    string      `json:"path"`
	State   string      `json:"state"` // module.function: name
	SLS     string      `json:"sls"`
	File    string      `json:"file"` // of the SLS, and Line in it: where the content is said
	Line    int         `json:"line"`
	Source  string      `json:"source,omitempty"` // the file that would be changed
	From    job.Fetched `json:"from"`             // without the content
	Diff    string      `json:"diff"`
	Written bool        `json:"written"`
}

func (a *app) adopt(ctx context.Context, c *api.Client, tgt, of string, ad adoption) error {
	minion, err := a.oneMinion(ctx, c, tgt, ad.tgtType)
	if err != nil {
		return err
	}
	src, err := c.Source(ctx, minion, of, ad.sls...)
	if err != nil {
		return err
	}
	switch src.Kind {
	case api.SourceTree:
		return failf("name a path below "+src.Name, "%s: %s brings a whole tree: which file of it?", of, src.Fun)
	case api.SourceNone:
		return failf("", "%s: %s in %s:%d says nothing of a content", of, src.Fun, src.File, src.Line)
	}
	got, content, err := a.fetch(ctx, c, src, ad)
	if err != nil {
		return err
	}
	out := adopted{Minion: minion, Path: src.Path, State: src.Fun + ": " + src.Name, SLS: src.SLS, File: src.File, Line: src.Line, Source: src.Source, From: got}
	out.From.Sealed = ""
	if bytes.Equal(content, src.Content) {
		return failf("", "nothing to adopt: %s is as its source says", where(minion, got))
	}
	if diff.IsText(content) && diff.IsText(src.Content) {
		name := src.Source
		if name == "" {
			name = fmt.Sprintf("%s:%d", src.File, src.Line)
		}
		out.Diff = diff.Unified(name, minion+":"+src.Path, src.Content, content, maxAdoptDiff)
	}
	if ad.write && src.Kind == api.SourceFile {
		ok := ad.yes
		if !ok {
			show := *a
			show.out = a.err
			show.showAdopted(out, src, content)
			if ok, err = a.askYes("write this into " + src.Source + "?"); err != nil || !ok {
				return err
			}
		}
		if err := replaceSource(src.Source, src.SHA256, content); err != nil {
			return err
		}
		out.Written = true
	}
	if done, err := a.machine(out); done && err != nil {
		return err
	} else if !done {
		a.showAdopted(out, src, content)
	}
	if ad.write && !out.Written {
		return failf("edit it there", "the content is written in %s:%d, which is not edited by this command", src.File, src.Line)
	}
	return nil
}

// oneMinion finds the one that the target means, and that is there.
func (a *app) oneMinion(ctx context.Context, c *api.Client, tgt, tgtType string) (string, error) {
	list, err := c.Minions(ctx, tgt, tgtType)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", failf("`brine minion list` shows who there is", "no accepted minion matches %q", tgt)
	case len(list) > 1:
		return "", failf("name one of them", "%q means %d minions: one file is adopted from one minion", tgt, len(list))
	case !list[0].Online:
		return "", &failure{exitUnreachable, fmt.Sprintf("%s is offline", list[0].ID), "try again when `brine minion list` shows it"}
	}
	return list[0].ID, nil
}

// fetch gets the drifted content from the minion.
func (a *app) fetch(ctx context.Context, c *api.Client, src api.Source, ad adoption) (got job.Fetched, content []byte, err error) {
	key, err := sealed.NewKey()
	if err != nil {
		return got, nil, err
	}
	data, err := event.Encode(job.Fetch{Path: src.Path, Hash: ad.hash, Wanted: []string{src.SHA256}, Secret: ad.secret, Key: key.Public()})
	if err != nil {
		return got, nil, err
	}
	sub, err := c.Submit(ctx, api.Submit{Fun: job.StateFetch, Tgt: src.Minion, TgtType: "list", TTL: api.Duration(ad.timeout), Args: job.Args{Data: data}})
	if err != nil {
		return got, nil, err
	}
	w := newWaiting(sub)
	var ans answer
	if err := w.follow(ctx, c, ad.timeout, func(one answer) error { ans = one; return nil }); err != nil {
		return got, nil, err
	}
	switch {
	case ans.Minion == "":
		return got, nil, &failure{exitUnreachable, fmt.Sprintf("%s did not answer in %s", src.Minion, shortDuration(ad.timeout)), ""}
	case ans.Result == nil:
		return got, nil, failf("", "%s: %s", src.Minion, ans.Lost)
	case !ans.Result.OK:
		return got, nil, failf(fetchHint(*ans.Result), "%s: %s", src.Minion, ans.Result.Error)
	}
	if err := ans.Result.Return.Decode(&got); err != nil {
		return got, nil, fmt.Errorf("%s: its answer cannot be read: %w", src.Minion, err)
	}
	if content, err = key.Open(src.Path, got.Sealed); err != nil {
		return got, nil, fmt.Errorf("%s: %w", src.Minion, err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != got.SHA256 {
		return got, nil, errors.New(src.Minion + " gave another content than it says")
	}
	return got, content, nil
}

func fetchHint(r job.Result) string {
	if r.Refused {
		return "allow.functions in minion.yaml says what a minion does: state.fetch is what this needs"
	}
	return ""
}

// where says in words which content it is.
func where(minion string, got job.Fetched) string {
	if got.From == job.FromKept {
		return fmt.Sprintf("what was pushed aside on %s at %s", minion, showTime(got.When))
	}
	return "what is on the disk of " + minion
}

func (a *app) showAdopted(out adopted, src api.Source, content []byte) {
	p := a.colors()
	fmt.Fprintf(a.out, "%s  %s  (%s)\n", p.bold(clean(out.Minion)), clean(out.State), clean(out.SLS))
	what := "on disk now"
	if out.From.From == job.FromKept {
		what = "kept in the quarantine since " + showTime(out.From.When) + ": on disk it has been corrected"
	}
	fmt.Fprintf(a.out, "  content  %s, %s\n", out.From.SHA256[:min(shortHash, len(out.From.SHA256))], what)
	if src.Kind == api.SourceFile {
		fmt.Fprintf(a.out, "  source   %s  (%s, named in %s:%d)\n", clean(src.Source), clean(src.URL), clean(src.File), src.Line)
	} else {
		fmt.Fprintf(a.out, "  source   contents in %s:%d\n", clean(src.File), src.Line)
	}
	if out.Diff == "" {
		fmt.Fprintf(a.out, "  not shown, for it is no text: %d bytes instead of %d\n", len(content), len(src.Content))
	}
	for _, l := range diffLines(p, out.Diff) {
		fmt.Fprintln(a.out, l)
	}
	if out.Written {
		fmt.Fprintf(a.out, "written into %s\n", clean(out.Source))
		fmt.Fprintf(a.err, "hint: `brine state apply TARGET %s` brings it to the minions\n", clean(out.SLS))
	}
}

// askYes asks at the terminal.
func (a *app) askYes(question string) (bool, error) {
	fmt.Fprintf(a.err, "%s [y/N] ", clean(question))
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && line == "" {
		return false, failf("", "nobody answered")
	}
	if s := strings.ToLower(strings.TrimSpace(line)); s == "y" || s == "yes" {
		return true, nil
	}
	return false, failf("", "nothing was written")
}
