package masterapi

import (
	"context"
	"net/http"

	"brine/internal/api"
	"brine/internal/api/apiserver"
	"brine/internal/event"
	"brine/internal/master"
)

// actOnJob serves what an operator does to a job that there is.
func (s *server) actOnJob(act func(m *master.Master, ctx context.Context, jid, target, by string) (master.JobActed, error)) apiserver.Func {
	return func(r *http.Request) (any, error) {
		in, err := apiserver.Body[api.JobAct](r)
		if err != nil {
			return nil, err
		}
		return act(s.m, r.Context(), r.PathValue("jid"), in.Target, apiserver.By(r.Context()))
	}
}

func (s *server) run(r *http.Request) (any, error) {
	in := &query{r: r}
	var cause event.ID
	if text := in.text("event"); text != "" {
		var err error
		if cause, err = event.ParseID(text); err != nil {
			in.fail("event", "%v", err)
		}
	}
	if in.err != nil {
		return nil, in.err
	}
	return s.m.FindRun(r.PathValue("id"), cause)
}

// maxWhy bounds what an operator says, in bytes.
const maxWhy = 500

func (s *server) approve(r *http.Request) (any, error) {
	in, err := apiserver.Body[api.Answer](r)
	if err != nil {
		return nil, err
	}
	if len(in.Why) > maxWhy {
		return nil, api.Errorf(api.BadRequest, "", "why: %d bytes; at most %d", len(in.Why), maxWhy)
	}
	return s.m.Approve(r.Context(), r.PathValue("id"), in.Deny, in.Why, apiserver.By(r.Context()))
}
