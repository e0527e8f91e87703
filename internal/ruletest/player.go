// Package ruletest shows rules a history that somebody wrote, or that a log holds, and says what they would decide. Nothing is carried
// out: it must never know a store, a role, a clock or a socket.
package ruletest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/job"
	"brine/reactors"
)

// maxRound bounds the events that rules and timers bring about between two events of the history: rules that fire each other's end here, as
// with a master.
const maxRound = 10_000

// Player shows a set of rules one event after the other, as a master does: the timers that expire between them, and the events that the
// rules themselves fire, are events too. Steps succeed unless a result says otherwise.
type Player struct {
	Results func(rule string, d reactors.Decision) reactors.StepResult // nil: every step succeeds and gives nothing

	reactor *reactors.Reactor
	world   reactors.World
	now     time.Time
	pos     uint64
	made    uint64        // events that the history does not hold
	queue   []event.Event // still to be shown
}

// Shown is one event that the rules have seen, and what they made of it.
type Shown struct {
	Event    event.Event
	Verdicts []reactors.Verdict
	Acts     [][]Act // of each verdict: what it does or, if it is kept from acting, would do
}

// Act is one step of a rule, as it is begun.
type Act struct {
	reactors.Decision
	Failed string // why the step could not be decided; empty when it could
}

// NewPlayer puts a set in force at a moment, with no history before it.
func NewPlayer(set *reactors.Set, world reactors.World, start time.Time) *Player {
	return &Player{reactor: reactors.New(set), world: world, now: start}
}

// Now is the time that the history has come to.
func (p *Player) Now() time.Time { return p.now }

// Show shows an event at a moment, which is not before those of the events before. Its position is the player's to give, and so is an id
// where there is none.
func (p *Player) Show(e event.Event, at time.Time) ([]Shown, error) {
	shown, err := p.Advance(at)
	if err != nil {
		return shown, err
	}
	e.Received = p.now
	p.queue = append(p.queue, e)
	more, err := p.drain(len(shown))
	return append(shown, more...), err
}

// Advance lets time pass. Timers expire in their moments, in order.
func (p *Player) Advance(to time.Time) (shown []Shown, err error) {
	for {
		next, ok := p.reactor.Next()
		if !ok || next.After(to) {
			break
		}
		if next.After(p.now) {
			p.now = next
		}
		p.expire()
		if len(p.queue) == 0 {
			break // due, and nothing comes of it
		}
		more, err := p.drain(len(shown))
		shown = append(shown, more...)
		if err != nil {
			return shown, err
		}
	}
	if to.After(p.now) {
		p.now = to
	}
	return shown, nil
}

// expire queues the events of what time has brought to an end.
func (p *Player) expire() {
	for _, t := range p.reactor.Ended(p.now) {
		p.tell(t)
	}
	for _, t := range p.reactor.Due(p.now) {
		tag, data := t.Event()
		p.own(event.Event{Tag: tag, Data: data, Causes: t.Causes, Depth: t.Depth})
	}
}

func (p *Player) tell(t reactors.Tell) {
	data, err := event.Encode(t.Data)
	if err != nil {
		return // too large to be an event: with a master it is none either
	}
	p.own(event.Event{Tag: t.Tag, Data: data, Causes: t.Causes, Depth: t.Depth})
}

// own queues an event of the master's.
func (p *Player) own(e event.Event) {
	e.Time, e.Received = p.now, p.now
	p.queue = append(p.queue, e)
}

// drain shows what is queued, and what comes of that.
func (p *Player) drain(before int) (shown []Shown, err error) {
	for len(p.queue) > 0 {
		if before+len(shown) >= maxRound {
			p.queue = nil
			return shown, fmt.Errorf("rules and timers brought about %d events at one go: do rules fire each other's?", maxRound)
		}
		e := p.queue[0]
		p.queue = p.queue[1:]
		p.pos++
		e.Pos = p.pos
		if e.ID.IsZero() {
			p.made++
			e.ID = event.ID{Origin: event.Master, Inc: 1, Seq: p.made}
			if e.Minion != "" {
				e.ID.Origin = e.Minion
			}
		}
		s := Shown{Event: e, Verdicts: p.reactor.Step(e, p.world)}
		p.reactor.Dirty() // nobody keeps the state, and it must not pile up
		for _, v := range s.Verdicts {
			if v.Tell != nil {
				p.tell(*v.Tell)
			}
			s.Acts = append(s.Acts, p.carry(&e, v))
		}
		shown = append(shown, s)
	}
	return shown, nil
}

// carry goes through the steps of a verdict in the order in which a master begins them. Only the events that they fire come about.
func (p *Player) carry(e *event.Event, v reactors.Verdict) []Act {
	r := run{player: p, event: e, verdict: v, results: map[string]reactors.StepResult{}}
	if v.Outcome != reactors.Fired {
		for _, d := range v.Would {
			r.acts = append(r.acts, Act{Decision: d})
		}
		return r.acts
	}
	var ordered, after []reactors.Decision
	for _, d := range v.Decisions {
		switch {
		case !d.Ordered:
			r.step(d)
		case d.OnFailure:
			after = append(after, d)
		default:
			ordered = append(ordered, d)
		}
	}
	if failed, ok := r.steps(ordered); ok && failed != nil {
		r.results["failed"] = *failed
		r.steps(after)
	}
	return r.acts
}

// run is what becomes of the steps of one verdict.
type run struct {
	player  *Player
	event   *event.Event
	verdict reactors.Verdict
	results map[string]reactors.StepResult
	acts    []Act
}

// steps does one after the other until one fails, whose result it gives. Not ok: one has stopped the others.
func (r *run) steps(list []reactors.Decision) (failed *reactors.StepResult, ok bool) {
	for i, d := range list {
		for _, later := range list[i:] {
			if later.Name != "" {
				r.results[later.Name] = reactors.StepResult{Name: later.Name, Skipped: true}
			}
		}
		res := r.step(d)
		if d.Name != "" {
			r.results[d.Name] = res
		}
		ignore := d.Options != nil && d.Options.IgnoreFailure
		switch {
		case d.Fun == reactors.Stop, d.Fun == reactors.Approve && !res.OK: // denied, which is no failure
			return nil, false
		case !res.OK && !ignore:
			return &res, true
		}
	}
	return nil, true
}

// step begins one step and gives its result.
func (r *run) step(d reactors.Decision) reactors.StepResult {
	if d.Late && r.verdict.Plan != nil {
		late, err := r.player.reactor.Later(r.verdict.Plan, d.Step, r.results, r.player.world)
		if err != nil {
			r.acts = append(r.acts, Act{Decision: d, Failed: err.Error()})
			return reactors.StepResult{Name: d.Name, Error: err.Error()}
		}
		late.Ordered, late.OnFailure = d.Ordered, d.OnFailure
		d = late
	}
	r.acts = append(r.acts, Act{Decision: d})
	res := reactors.StepResult{OK: true}
	if r.player.Results != nil {
		res = r.player.Results(r.verdict.Rule, d)
	}
	res.Name = d.Name
	switch d.Fun {
	case job.EventFire:
		causes := slices.DeleteFunc(slices.Clone(r.verdict.Causes), func(id event.ID) bool { return id == r.event.ID })
		causes = append([]event.ID{r.event.ID}, causes...)
		r.player.own(event.Event{Tag: d.Fire.Tag, Data: d.Fire.Data, Causes: causes[:min(len(causes), event.MaxCauses)], Depth: r.event.Depth + 1})
	case reactors.Fail:
		res.OK, res.Error = false, d.Text
	}
	return res
}

// firedByRule reports whether rules made an event of a log: a player makes those anew.
func firedByRule(e *event.Event) bool {
	return e.Minion == "" && e.By == "" && len(e.Causes) > 0 && !strings.HasPrefix(e.Tag, event.Reserved)
}
