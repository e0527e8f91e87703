// Package cli is the command brine: what an operator types, and what is shown. One command a file. It knows the daemons through their
// API alone: it must never link a role or a store.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"brine/internal/api"

	"golang.org/x/term"
)

// streams are where a run reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs the command with its arguments and gives the exit code.
func Main(args ...string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return run(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, args)
}

func run(ctx context.Context, std streams, args []string) int {
	a := &app{streams: std, now: time.Now}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	return a.explain(root.ExecuteContext(ctx))
}

// app is what all commands share: the global flags, and where to read and write.
type app struct {
	streams
	now func() time.Time

	socket  string
	format  string
	noColor bool
}

// socketPath is --socket, then BRINE_SOCKET, then the default.
func (a *app) socketPath() string {
	if a.socket != "" {
		return a.socket
	}
	if env := os.Getenv("BRINE_SOCKET"); env != "" {
		return env
	}
	return api.MasterSocket
}

// client asks the daemon at the socket. The caller closes it.
func (a *app) client() *api.Client { return api.New(a.socketPath()) }

// isTerminal reports whether somebody sits there.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colors are those of the output: none in a pipe, with NO_COLOR, or when told so.
func (a *app) colors() palette {
	return palette(!a.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(a.out))
}
