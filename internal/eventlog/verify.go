package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"brine/internal/event"
)

// Report is what Verify counted.
type Report struct {
	First, Last uint64 // the positions that there should be
	Events      uint64 // that can be read
	Damaged     uint64 // positions that cannot
	Others      uint64 // all other values: index, jobs, marks, verdicts, records
	Faults      uint64 // how often the report function was called
}

// Verify reads everything and compares it: every checksum, that there are as many events as positions, and that the
// index says of the events what they are. It calls report, which may be nil, for each fault; those are no error of
// Verify. Commits go on meanwhile, of which it sees nothing.
func (l *Log) Verify(ctx context.Context, report func(error)) (Report, error) {
	v := &verifier{l: l, report: report}
	v.First, v.Last = l.Head()
	if lost, to := l.Lost(); to > 0 {
		v.fault(&DamagedError{First: lost, Last: to, Why: "lost from the end of the log"})
	}
	for e, err := range l.Scan(ctx, Query{To: v.Last}) {
		if v.Last == 0 {
			break
		}
		if err := v.event(e, err); err != nil {
			return v.Report, err
		}
	}
	first := l.first.Load() // retention may have run meanwhile
	if want := v.Last + 1 - max(v.First, 1); v.Events+v.Damaged != want && first == v.First {
		v.fault(fmt.Errorf("event log: %d positions, but %d events", want, v.Events+v.Damaged))
	}
	if v.segment != nil && v.segment.num != segmentOf(l.last.Load()) {
		v.complete()
	}
	return v.Report, v.others(ctx)
}

type verifier struct {
	Report
	l       *Log
	report  func(error)
	segment *segment // made anew from the events
	partial bool     // events of it are damaged or were removed: the stored one knows more
}

func (v *verifier) fault(err error) {
	v.Faults++
	if v.report != nil {
		v.report(err)
	}
}

func (v *verifier) event(e event.Event, err error) error {
	var d *DamagedError
	switch {
	case errors.As(err, &d) && d.First > 0:
		v.Damaged += d.Last - d.First + 1
		v.partial = true
		v.fault(err)
		return nil
	case err != nil:
		return err
	}
	if n := segmentOf(e.Pos); v.segment == nil || v.segment.num != n {
		if v.segment != nil {
			v.complete()
		}
		v.segment, v.partial = newSegment(n), e.Pos > n<<segmentBits && e.Pos > 1
	}
	v.segment.add(e.Pos, e.Tag, e.ID)
	v.Events++
	return v.causes(e)
}

// causes looks for the keys that lead from the causes of an event to it.
func (v *verifier) causes(e event.Event) error {
	for _, c := range e.Causes {
		switch _, err := v.l.one(causeKey(e.Pos, c)); {
		case errors.Is(err, ErrClosed):
			return err
		case err != nil:
			v.fault(&DamagedError{What: fmt.Sprintf("index of the causes of the event at position %d", e.Pos), Why: "it does not lead there", Err: err})
		}
	}
	return nil
}

// complete compares the stored index of a segment with its events.
func (v *verifier) complete() {
	s := v.segment
	key := posKey(kindSegment, s.num)
	b, err := v.l.one(key)
	if errors.Is(err, ErrNotFound) && s.num < segmentOf(v.l.first.Load()) {
		return
	}
	if err == nil && !v.partial {
		err = s.compare(b)
	}
	if err != nil {
		v.fault(&DamagedError{What: keyName(key), Why: "it is not that of the events", Err: err})
	}
	for k, r := range s.runs {
		if v.partial || eraOf(r.pos) < eraOf(v.l.first.Load()) {
			break
		}
		key := runKey(eraOf(r.pos), k.id(r.first))
		b, err := v.l.one(key)
		if pos, mask, ok := parseRun(b); err != nil || !ok || pos != r.pos || mask != r.mask {
			v.fault(&DamagedError{What: keyName(key), Why: "it is not that of the events", Err: err})
		}
	}
}

// compare says whether a stored segment is this one.
func (s *segment) compare(b []byte) error {
	view, ok := parseSegment(b)
	tags, origins := map[string]uint64{}, map[string]uint64{}
	var rest []byte
	if ok {
		rest, ok = eachMask(view.rest, func(name []byte, m uint64) { tags[string(name)] = m })
	}
	if ok {
		rest, ok = eachMask(rest, func(name []byte, m uint64) { origins[string(name)] = m })
	}
	switch {
	case !ok || len(rest) > 0:
		return errors.New("it is malformed")
	case view.depth == s.depth && !maps.Equal(tags, s.tags):
		return errors.New("other tags")
	case !maps.Equal(origins, s.origins):
		return errors.New("other origins")
	}
	return nil
}

// others checks the seals of all that is not an event.
func (v *verifier) others(ctx context.Context) error {
	for _, r := range [][2]byte{{0, kindEvent}, {kindEvent + 1, 0xff}} {
		for p, err := range v.l.each([]byte{r[0]}, []byte{r[1]}, false) {
			var d *DamagedError
			switch {
			case errors.As(err, &d):
				v.fault(err)
			case err != nil:
				return err
			case p.err != nil:
				v.fault(p.err)
			default:
				v.Others++
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}
