package master

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"brine/reactors"
)

// Bounds of pauses.
const (
	MaxPause    = 366 * 24 * time.Hour // for which a pause can be asked
	MaxPauseWhy = 300                  // bytes of its reason
	maxHolds    = 256                  // on minions at once, those that froze a state not counted
)

// ErrNotHeld is returned when there is nothing to resume.
var ErrNotHeld = errors.New("neither paused nor suspended")

// Guarded answers Pause, Resume and Guards.
type Guarded struct {
	Rules []reactors.Guard `json:"rules"` // that do not act at present; of Resume: that act again
	Holds []Hold           `json:"holds"` // on minions and on states; of Resume: that have ended
}

// pauseCommand pauses rules, or a target.
func (c *Core) pauseCommand(in Pause) {
	now := c.clock
	until := now.Add(in.For)
	if len(in.Rules) == 0 {
		h, err := c.pauseTarget(in, until)
		c.emit(Reply{Ref: in.Ref, Value: Guarded{Holds: h}, Err: err})
		return
	}
	if err := c.knownRules(in.Rules); err != nil {
		c.emit(Reply{Ref: in.Ref, Err: err})
		return
	}
	var done Guarded
	for _, name := range in.Rules {
		c.tell(reactors.Pausing(name, until, in.Why), in.By)
		done.Rules = append(done.Rules, reactors.Guard{Rule: name, Outcome: reactors.Paused, Since: now, Until: until, Why: in.Why, By: in.By})
	}
	c.emit(Reply{Ref: in.Ref, Value: done})
}

// knownRules says which of the names is no rule's, and what may be meant.
func (c *Core) knownRules(rules []string) error {
	names := c.opt.Reactor.Names()
	for _, name := range rules {
		if _, paused := c.opt.Reactor.Guard(name); paused || slices.Contains(names, name) {
			continue
		}
		return noRule(name, names)
	}
	return nil
}

// resumeCommand ends pauses, suspensions, and what froze a state.
func (c *Core) resumeCommand(in Resume) {
	var done Guarded
	var err error
	switch {
	case in.All:
		done.Rules = c.opt.Reactor.Guards()
		done.Holds = c.heldBy(func(h *hold) bool { return h.State == "" })
	case in.State != "":
		done.Holds = c.heldBy(func(h *hold) bool { return h.State == in.State })
		err = c.nothingHeld(done.Holds, fmt.Sprintf("state %q", in.State))
	case in.Tgt != "":
		done.Holds = c.heldBy(func(h *hold) bool { return h.State == "" && h.Tgt == in.Tgt && h.TgtType == in.TgtType })
		err = c.nothingHeld(done.Holds, fmt.Sprintf("target %q", in.Tgt))
	default:
		if err = c.knownRules(in.Rules); err != nil {
			break
		}
		for _, name := range in.Rules {
			g, ok := c.opt.Reactor.Guard(name)
			if !ok {
				err = fmt.Errorf("rule %q: %w", name, ErrNotHeld)
				break
			}
			done.Rules = append(done.Rules, g)
		}
	}
	if err != nil {
		c.emit(Reply{Ref: in.Ref, Err: err})
		return
	}
	for _, g := range done.Rules {
		c.tell(c.opt.Reactor.Resuming(g.Rule, "", "resumed by "+in.By), in.By)
	}
	for _, h := range done.Holds {
		c.endHold(h.ID, "resumed by "+in.By, in.By)
	}
	c.emit(Reply{Ref: in.Ref, Value: done})
}

// nothingHeld says that there is no such hold.
func (c *Core) nothingHeld(found []Hold, what string) error {
	if len(found) > 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", what, ErrNotHeld)
}

// guards lists all that keeps rules, minions and states from being acted on.
func (c *Core) guards(in Guards) {
	c.emit(Reply{Ref: in.Ref, Value: Guarded{Rules: c.opt.Reactor.Guards(), Holds: c.heldBy(func(*hold) bool { return true })}})
}

// tellGuard appends the event that a verdict brings about.
func (c *Core) tellGuard(t *reactors.Tell) {
	if t != nil {
		c.tell(*t, "")
	}
}

func (c *Core) tell(t reactors.Tell, by string) {
	c.own(ownEvent{tag: t.Tag, data: t.Data, by: by, causes: t.Causes, depth: t.Depth})
}

// endGuards ends what time has ended: the reactor learns of it from the log.
func (c *Core) endGuards() {
	for _, t := range c.opt.Reactor.Ended(c.clock) {
		c.tell(t, "")
	}
}
