// Package masterapi serves the master's API over its unix socket. It maps requests to the master's methods and back, and decides
// nothing.
package masterapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"brine/internal/api"
	"brine/internal/api/apiserver"
	"brine/internal/event"
	"brine/internal/eventlog"
	"brine/internal/identity"
	"brine/internal/master"
	"brine/internal/target"
)

// Serve answers requests at the socket until ctx ends, and then returns nil. A socket that another daemon uses is an error.
func Serve(ctx context.Context, socket string, m *master.Master, log *slog.Logger) error {
	return apiserver.Serve(ctx, socket, (&server{m: m, log: log}).routes(), log)
}

type server struct {
	m   *master.Master
	log *slog.Logger
}

func (s *server) routes() apiserver.Routes {
	one := func(f apiserver.Func) http.HandlerFunc { return apiserver.JSON(s.log, explain, f) }
	return apiserver.Routes{
		"GET /v1/status":              one(func(*http.Request) (any, error) { return s.m.Status(), nil }),
		"GET /v1/fingerprint":         one(s.fingerprint),
		"GET /v1/events":              s.events,
		"POST /v1/events":             one(s.fire),
		"GET /v1/events/{id}":         one(s.event),
		"GET /v1/events/{id}/trace":   one(s.trace),
		"GET /v1/events/{id}/explain": one(s.explain),
		"GET /v1/keys":                one(s.keys),
		"POST /v1/keys/accept":        one(s.actOnKeys(master.KeyAccept)),
		"POST /v1/keys/reject":        one(s.actOnKeys(master.KeyReject)),
		"POST /v1/keys/delete":        one(s.actOnKeys(master.KeyDelete)),
		"GET /v1/tokens":              one(func(*http.Request) (any, error) { return list(s.m.Tokens()), nil }),
		"POST /v1/tokens":             one(s.newToken),
		"GET /v1/minions":             one(s.minions),
		"GET /v1/drift":               one(s.drift),
		"GET /v1/source":              one(s.source),
		"POST /v1/jobs":               one(s.submit),
		"GET /v1/jobs":                one(s.jobs),
		"GET /v1/jobs/{jid}":          one(s.job),
		"GET /v1/rules":               one(func(*http.Request) (any, error) { return s.rules(), nil }),
		"GET /v1/rules/files":         one(s.ruleFiles),
		"GET /v1/windows":             one(s.windows),
		"POST /v1/reload":             one(s.reload),
		"POST /v1/jobs/{jid}/retry":   one(s.actOnJob((*master.Master).Retry)),
		"POST /v1/jobs/{jid}/cancel":  one(s.actOnJob((*master.Master).Cancel)),
		"GET /v1/runs/{id}":           one(s.run),
		"GET /v1/approvals":           one(func(*http.Request) (any, error) { return s.m.Approvals() }),
		"POST /v1/approvals/{id}":     one(s.approve),
		"GET /v1/guards":              one(s.guards),
		"POST /v1/guards/pause":       one(s.pause),
		"POST /v1/guards/resume":      one(s.resume),
	}
}

// explain maps the master's errors to what clients are told.
func explain(err error) *api.Error {
	switch {
	case errors.Is(err, master.ErrNotManaged):
		return api.Errorf(api.NotFound, "--sls names the state file that manages it", "%v", err)
	case errors.Is(err, master.ErrSeveral):
		return api.Errorf(api.Conflict, "name one as \"function: name\", or its path", "%v", err)
	case errors.Is(err, master.ErrUnknown), errors.Is(err, eventlog.ErrNotFound):
		return api.Errorf(api.NotFound, "", "%v", err)
	case errors.Is(err, master.ErrNotHeld):
		return api.Errorf(api.NotFound, "`brine reactor list` shows what is paused, suspended or frozen", "%v", err)
	case errors.Is(err, identity.ErrUnknown):
		return api.Errorf(api.NotFound, "`brine key list` shows what keys there are", "%v", err)
	case errors.Is(err, eventlog.ErrRetained):
		return api.Errorf(api.NotFound, "retention in master.yaml says how long events are kept", "%v", err)
	case errors.Is(err, master.ErrNoTarget):
		return api.Errorf(api.NotFound, "`brine minion list` shows who there is; `brine key list` who waits to be accepted", "%v", err)
	case errors.Is(err, master.ErrNothingToDo):
		return api.Errorf(api.Conflict, "`brine job show` says how it stands on each target", "%v", err)
	case errors.Is(err, identity.ErrAmbiguous):
		return api.Errorf(api.Conflict, "name one by its fingerprint: `brine key list` shows them", "%v", err)
	case errors.Is(err, identity.ErrRejected), errors.Is(err, identity.ErrTaken):
		return api.Errorf(api.Conflict, "delete the other key first if this one is to take its place: `brine key delete`", "%v", err)
	case errors.Is(err, identity.ErrFull):
		return api.Errorf(api.Conflict, "tokens that have expired make room by themselves", "%v", err)
	case errors.Is(err, eventlog.ErrNoSpace):
		return api.Errorf(api.Unavailable, "make room on the disk of data_dir", "%v", err)
	case errors.Is(err, eventlog.ErrClosed), errors.Is(err, master.ErrStopping):
		return api.Errorf(api.Unavailable, "try again in a moment", "the master is stopping")
	case errors.Is(err, eventlog.ErrDamaged):
		return api.Errorf(api.Internal, "the events around it can still be read", "%v", err)
	}
	return nil
}

func (s *server) fingerprint(*http.Request) (any, error) {
	return map[string]identity.Fingerprint{"fingerprint": s.m.Fingerprint()}, nil
}

func (s *server) fire(r *http.Request) (any, error) {
	f, err := apiserver.Body[api.Fire](r)
	if err != nil {
		return nil, err
	}
	if err := apiserver.CheckFire(f); err != nil {
		return nil, err
	}
	e, err := s.m.Fire(r.Context(), f.Tag, f.Data, apiserver.By(r.Context()))
	if err != nil {
		return nil, err
	}
	return api.Fired{ID: e.ID, Pos: e.Pos}, nil
}

func (s *server) reload(r *http.Request) (any, error) {
	err := s.m.Reload(r.Context(), "asked for by "+apiserver.By(r.Context()))
	if err != nil {
		if r.Context().Err() != nil {
			return nil, err
		}
		return nil, api.Errorf(api.Conflict, "the last good set stays in force; `brine reactor lint` checks files without loading them", "%v", err)
	}
	return s.rules(), nil
}

func (s *server) windows(r *http.Request) (any, error) {
	w, err := s.m.Windows(r.Context(), r.URL.Query().Get("rule"))
	if err != nil {
		return nil, err
	}
	out := api.Windows{Windows: make([]api.Window, len(w.Windows)), More: w.More, Stats: api.WindowStats(w.Stats)}
	for i, one := range w.Windows {
		out.Windows[i] = api.Window(one)
	}
	return out, nil
}

func (s *server) rules() api.Rules {
	infos, faults := s.m.Rules()
	r := api.Rules{Rules: make([]api.Rule, len(infos))}
	for i, info := range infos {
		r.Rules[i] = api.Rule(info)
	}
	if faults != nil {
		r.Faults = faults.Error()
	}
	return r
}

// list makes an empty list [] in JSON, not null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// query reads the parameters of a GET; the first that makes no sense is kept as err.
type query struct {
	r   *http.Request
	err error
}

func (q *query) text(name string) string { return q.r.URL.Query().Get(name) }

func (q *query) fail(name, format string, args ...any) {
	if q.err == nil {
		q.err = api.Errorf(api.BadRequest, "", "%s: %s", name, fmt.Sprintf(format, args...))
	}
}

func (q *query) flag(name string) bool {
	text := q.text(name)
	if text == "" {
		return false
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		q.fail(name, "%q is neither true nor false", text)
	}
	return b
}

func (q *query) number(name string, most uint64) uint64 {
	text := q.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > most {
		q.fail(name, "%q is no number from 0 to %d", text, most)
		return 0
	}
	return n
}

func (q *query) time(name string) time.Time {
	text := q.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		q.fail(name, "%q is no time in RFC 3339, such as 2026-11-05T10:30:00Z", text)
	}
	return t
}

func (q *query) pattern(name string) *event.Pattern {
	text := q.text(name)
	if text == "" {
		return nil
	}
	p, err := event.ParsePattern(text)
	if err != nil {
		q.fail(name, "%v", err)
	}
	return &p
}

// target is whom tgt and tgt_type mean: everybody when empty.
func (q *query) target() target.Target {
	t, err := target.Parse(q.text("tgt_type"), cmp.Or(q.text("tgt"), "*"))
	if err != nil && q.err == nil {
		q.err = api.Errorf(api.BadRequest, "", "%v", err)
	}
	return t
}
