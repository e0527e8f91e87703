package masterapi

import (
	"context"
	"errors"
	"math"
	"net/http"
	"time"

	"brine/internal/api"
	"brine/internal/api/apiserver"
	"brine/internal/event"
	"brine/internal/eventlog"
	"brine/internal/master"
	"brine/internal/target"
)

// idleEvery is how often a stream without news says that it is alive, which is also how a client that is gone is noticed.
const idleEvery = 15 * time.Second

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	in := &query{r: r}
	q := eventlog.Query{
		From: in.number("from", math.MaxUint64), To: in.number("to", math.MaxUint64), Since: in.time("since"), Until: in.time("until"),
		Tag: in.pattern("tag"), Minion: in.text("minion"), Limit: int(in.number("limit", api.MaxLimit)), Reverse: in.flag("reverse"),
	}
	if _, err := target.Parse("", q.Minion); q.Minion != "" && err != nil {
		in.fail("minion", "%v", err)
	}
	follow := in.flag("follow")
	if follow && q.Reverse {
		in.fail("follow", "what is still to come cannot be read backwards")
	}
	if in.err != nil {
		apiserver.WriteError(w, apiserver.Explain(r.Context(), s.log, explain, in.err))
		return
	}
	f := &feed{s: s, out: apiserver.NewStream(w), q: q}
	err := f.run(r.Context(), follow)
	if errors.Is(err, errClient) {
		return // nobody reads any more
	}
	end := api.End{Next: f.next}
	if err != nil {
		end.Error = apiserver.Explain(r.Context(), s.log, explain, err)
	}
	if f.out.Write(api.Line{End: &end}) == nil {
		_ = f.out.Flush() // or the client is gone
	}
}

// errClient is returned when a client does not read what it is sent.
var errClient = errors.New("the client is gone or too slow")

// feed sends one client what it asked for.
type feed struct {
	s    *server
	out  *apiserver.Stream
	q    eventlog.Query
	next uint64 // where to go on
	sent int
}

func (f *feed) run(ctx context.Context, follow bool) error {
	f.next = f.q.From
	for {
		news := f.s.m.News() // before looking: what comes meanwhile is not missed
		if err := f.pass(ctx); err != nil {
			return err
		}
		if f.out.Flush() != nil {
			return errClient
		}
		if !follow || f.q.Limit > 0 && f.sent >= f.q.Limit || f.q.To > 0 && f.next > f.q.To {
			return nil
		}
		if err := f.wait(ctx, news); err != nil {
			return err
		}
	}
}

// pass sends what the log holds at this moment.
func (f *feed) pass(ctx context.Context) error {
	_, last := f.s.m.Head()
	q := f.q
	q.From = f.next
	if q.To == 0 || q.To > last {
		q.To = last
	}
	if last == 0 || q.From > q.To {
		f.next = max(f.next, last+1)
		return nil
	}
	if q.Limit > 0 {
		q.Limit -= f.sent
	}
	for e, err := range f.s.m.Events(ctx, q) {
		line := api.Line{Event: &e}
		var damaged *eventlog.DamagedError
		switch {
		case errors.As(err, &damaged):
			line = api.Line{Damaged: damaged.Error()}
		case err != nil:
			return err
		default:
			f.sent++
			if !q.Reverse {
				f.next = e.Pos + 1
			}
		}
		if f.out.Write(line) != nil {
			return errClient
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f.q.Limit == 0 || f.sent < f.q.Limit || q.Reverse {
		f.next = q.To + 1 // all of it was looked at
	}
	return nil
}

// wait waits for events, and now and then tells the client that there are none.
func (f *feed) wait(ctx context.Context, news <-chan struct{}) error {
	idle := time.NewTicker(idleEvery)
	defer idle.Stop()
	for {
		select {
		case <-news:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-idle.C:
			if f.out.Write(api.Line{Idle: true}) != nil || f.out.Flush() != nil {
				return errClient
			}
		}
	}
}

func (s *server) event(r *http.Request) (any, error) {
	e, err := s.m.Event(r.PathValue("id"))
	return e, named(err, r.PathValue("id"))
}

func (s *server) trace(r *http.Request) (any, error) {
	name := r.PathValue("id")
	asked, err := s.m.Event(name)
	if err != nil {
		return nil, named(err, name)
	}
	root, err := s.m.Trace(name)
	if err != nil {
		return nil, named(err, name)
	}
	return traced{Asked: asked.ID, Root: root, Offsets: s.offsets(root)}, nil
}

// traced is api.Traced with the master's own types.
type traced struct {
	Asked   event.ID                 `json:"asked"`
	Root    *master.Trace            `json:"root"`
	Offsets map[string]time.Duration `json:"clock_offsets_ns,omitempty"`
}

// offsets says how far the clocks of the minions in a trace are off.
func (s *server) offsets(root *master.Trace) map[string]time.Duration {
	in := map[string]bool{}
	var walk func(*master.Trace)
	walk = func(t *master.Trace) {
		in[t.Event.Minion] = true
		for _, e := range t.Effects {
			walk(e)
		}
	}
	walk(root)
	all, err := target.Parse("", "*")
	if err != nil {
		return nil
	}
	offsets := map[string]time.Duration{}
	for _, m := range s.m.Minions(all) {
		if in[m.ID] && m.OffsetNS != 0 {
			offsets[m.ID] = time.Duration(m.OffsetNS)
		}
	}
	return offsets
}

// named explains what went wrong with an event that was named: by its id, or by its position.
func named(err error, name string) error {
	if err == nil || explain(err) != nil {
		return err
	}
	if _, perr := event.ParseID(name); perr != nil {
		return api.Errorf(api.BadRequest, "an event is named by its id or its position: `brine event list` shows positions, with -o json ids too", "%v", perr)
	}
	return err
}
