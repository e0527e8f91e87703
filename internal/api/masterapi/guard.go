package masterapi

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/api/apiserver"
	"brine/internal/master"
	"brine/internal/target"
)

func (s *server) guards(r *http.Request) (any, error) {
	return guarded(s.m.Guards(r.Context()))
}

// guarded makes empty lists [] in JSON.
func guarded(g master.Guarded, err error) (any, error) {
	g.Rules, g.Holds = list(g.Rules), list(g.Holds)
	return g, err
}

func (s *server) pause(r *http.Request) (any, error) {
	in, err := apiserver.Body[api.Pause](r)
	if err != nil {
		return nil, err
	}
	length, why := time.Duration(in.For), strings.TrimSpace(in.Why)
	switch {
	case (len(in.Rules) > 0) == (in.Tgt != ""):
		return nil, api.Errorf(api.BadRequest, "", "a pause is of rules, or of a target: one of the two")
	case len(in.Rules) > api.MaxWho:
		return nil, api.Errorf(api.BadRequest, "", "rules: %d; at most %d", len(in.Rules), api.MaxWho)
	case length <= 0 || length > api.MaxPause:
		return nil, api.Errorf(api.BadRequest, "", "for: %s; want more than 0s and at most %s", length, time.Duration(api.MaxPause))
	case why == "" || len(why) > api.MaxPauseWhy:
		return nil, api.Errorf(api.BadRequest, "", "why: %d bytes; want 1 to %d", len(why), api.MaxPauseWhy)
	}
	kind, err := targetKind(in.Tgt, in.TgtType)
	if err != nil {
		return nil, err
	}
	return guarded(s.m.Pause(r.Context(), master.Pause{Rules: in.Rules, Tgt: in.Tgt, TgtType: kind, For: length, Why: why, By: apiserver.By(r.Context())}))
}

func (s *server) resume(r *http.Request) (any, error) {
	in, err := apiserver.Body[api.Resume](r)
	if err != nil {
		return nil, err
	}
	named := 0
	for _, is := range []bool{len(in.Rules) > 0, in.Tgt != "", in.State != "", in.All} {
		if is {
			named++
		}
	}
	if named != 1 {
		return nil, api.Errorf(api.BadRequest, "", "name rules, a target, a state, or all: one of them")
	}
	kind, err := targetKind(in.Tgt, in.TgtType)
	if err != nil {
		return nil, err
	}
	return guarded(s.m.Resume(r.Context(), master.Resume{Rules: in.Rules, Tgt: in.Tgt, TgtType: kind, State: in.State, All: in.All, By: apiserver.By(r.Context())}))
}

// targetKind checks a target, where there is one.
func targetKind(tgt, kind string) (string, error) {
	kind = cmp.Or(kind, string(target.Glob))
	if tgt == "" {
		return kind, nil
	}
	if _, err := target.Parse(kind, tgt); err != nil {
		return "", api.Errorf(api.BadRequest, "", "%v", err)
	}
	return kind, nil
}
