package master

import (
	"context"

	"brine/reactors"
)

// maxWindowsListed bounds one answer.
const maxWindowsListed = 10_000

// OpenWindows answers Windows: what the rules remember at present.
type OpenWindows struct {
	Windows []reactors.Window
	More    int // that are not listed
	Stats   reactors.Stats
}

func (c *Core) windows(in Windows) {
	if in.Rule != "" {
		if err := c.knownRules([]string{in.Rule}); err != nil {
			c.emit(Reply{Ref: in.Ref, Err: err})
			return
		}
	}
	list, more := c.opt.Reactor.Windows(in.Rule, maxWindowsListed)
	c.emit(Reply{Ref: in.Ref, Value: OpenWindows{Windows: list, More: more, Stats: c.opt.Reactor.Stats()}})
}

// Windows lists the open windows of a rule, of all for an empty name; ErrUnknown when no such rule is in force.
func (m *Master) Windows(ctx context.Context, rule string) (OpenWindows, error) {
	return ask[OpenWindows](ctx, m, func(ref Ref) Input { return Windows{Ref: ref, Rule: rule} })
}
