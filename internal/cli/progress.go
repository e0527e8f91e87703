package cli

import (
	"fmt"
	"io"
)

// progress says on a terminal who is still missing. It writes to stderr, and nothing where nobody watches.
type progress struct {
	out io.Writer
	all int
	on  bool
}

func newProgress(a *app, all int) *progress {
	p := &progress{out: a.err, all: all, on: isTerminal(a.err) && a.format == formatTable}
	p.show(all, nil)
	return p
}

func (p *progress) show(left int, who []string) {
	if !p.on || left == 0 {
		return
	}
	text := fmt.Sprintf("waiting for %d of %d", left, p.all)
	if len(who) > 0 {
		text += ": " + several(who)
	}
	fmt.Fprint(p.out, oneLine(text, 78))
}

func (p *progress) clear() {
	if p.on {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
