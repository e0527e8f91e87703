package masterapi

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/api/apiserver"
	"brine/internal/eventlog"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/master"
	"brine/internal/target"
)

func (s *server) keys(r *http.Request) (any, error) {
	keys, err := s.m.Keys(r.URL.Query().Get("match"))
	if err != nil {
		return nil, api.Errorf(api.BadRequest, "", "match: %v", err)
	}
	return list(keys), nil
}

func (s *server) actOnKeys(act master.KeyAct) apiserver.Func {
	return func(r *http.Request) (any, error) {
		in, err := apiserver.Body[api.Who](r)
		if err != nil {
			return nil, err
		}
		if len(in.Who) == 0 || len(in.Who) > api.MaxWho {
			return nil, api.Errorf(api.BadRequest, "", "who: want 1 to %d ids or fingerprints, not %d", api.MaxWho, len(in.Who))
		}
		keys, err := s.m.ActOnKeys(r.Context(), act, in.Who, apiserver.By(r.Context()))
		return list(keys), err
	}
}

func (s *server) newToken(r *http.Request) (any, error) {
	in, err := apiserver.Body[api.NewToken](r)
	if err != nil {
		return nil, err
	}
	opt := identity.TokenOptions{ID: in.ID, Replace: in.Replace, Life: time.Duration(in.TTL)}
	text, token, err := s.m.NewToken(r.Context(), opt, apiserver.By(r.Context()))
	if err != nil && explain(err) == nil && r.Context().Err() == nil {
		err = api.Errorf(api.BadRequest, "", "%v", err) // what is left is an option that makes no sense
	}
	if err != nil {
		return nil, err
	}
	return api.TokenMade{Text: text, Token: token}, nil
}

func (s *server) minions(r *http.Request) (any, error) {
	in := &query{r: r}
	t := in.target()
	if in.err != nil {
		return nil, in.err
	}
	return list(s.m.Minions(t)), nil
}

func (s *server) drift(r *http.Request) (any, error) {
	in := &query{r: r}
	t, all := in.target(), in.flag("all")
	if in.err != nil {
		return nil, in.err
	}
	if in.text("tgt") != "" && len(s.m.Minions(t)) == 0 {
		return nil, master.ErrNoTarget
	}
	drift, err := s.m.Drift(t, all)
	return list(drift), err
}

// submitted are the functions that an operator may ask minions for.
var submitted = [...]string{job.StateApply, job.StateSingle, job.StateUndo, job.StateKept, job.StateFetch, job.TestPing, job.CmdRun, job.BeaconsNow}

func (s *server) submit(r *http.Request) (any, error) {
	in, err := apiserver.Body[api.Submit](r)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(submitted[:], in.Fun) {
		return nil, api.Errorf(api.BadRequest, "", "fun: want one of %s, not %q", strings.Join(submitted[:], ", "), in.Fun)
	}
	if len(in.Args.Argv) > 0 || len(in.Args.Env) > 0 || len(in.Args.Stdin) > 0 || in.Args.Timeout != 0 {
		return nil, api.Errorf(api.BadRequest, "", "args: %s takes sls and test", in.Fun)
	}
	ttl := time.Duration(in.TTL)
	if ttl == 0 {
		ttl = api.DefaultTTL
	}
	if ttl > api.MaxTTL {
		return nil, api.Errorf(api.BadRequest, "", "ttl: %s is too long; at most %s", ttl, time.Duration(api.MaxTTL))
	}
	t, err := target.Parse(in.TgtType, in.Tgt)
	if err != nil {
		return nil, api.Errorf(api.BadRequest, "", "%v", err)
	}
	_, last := s.m.Head()
	done, err := s.m.Submit(r.Context(), t, in.Fun, in.Args, ttl, apiserver.By(r.Context()))
	if err != nil {
		return nil, err
	}
	return api.Submitted{JID: done.JID, Targets: done.Targets, Offline: done.Offline, Unknown: unknown(t, done.Targets), From: last + 1}, nil
}

// unknown are the ids of a list that are not among the targets.
func unknown(t target.Target, targets []string) []string {
	if t.Kind() != target.List {
		return nil
	}
	return slices.DeleteFunc(t.IDs(), func(id string) bool { return slices.Contains(targets, id) })
}

// unreadable is the status of a job whose record is damaged.
const unreadable job.Status = "unreadable"

// maxJobs is how many jobs one answer lists.
const maxJobs = 10_000

func (s *server) jobs(r *http.Request) (any, error) {
	in := &query{r: r}
	q := eventlog.JobQuery{Open: in.flag("open"), Dead: in.flag("dead"), Target: in.text("target"), Limit: int(in.number("limit", math.MaxInt32)), Reverse: in.flag("reverse")}
	if _, err := target.Parse("", q.Target); q.Target != "" && err != nil {
		in.fail("target", "%v", err)
	}
	if in.err != nil {
		return nil, in.err
	}
	if q.Limit == 0 || q.Limit > maxJobs {
		q.Limit = maxJobs
	}
	jobs := []job.Job{}
	for j, err := range s.m.Jobs(q) {
		if errors.Is(err, eventlog.ErrDamaged) {
			j = job.Job{Status: unreadable, Error: err.Error()} // the others are shown all the same
		} else if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func (s *server) job(r *http.Request) (any, error) {
	jobs, err := s.m.Job(r.PathValue("jid"))
	return slices.Clip(jobs), err
}
