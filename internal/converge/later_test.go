package converge

import (
	"context"
	"errors"
	"slices"
	"testing"

	"brine/internal/event"
	"brine/internal/job"
	"brine/states"
)

// putsOff is a state that changes something whose sync can wait.
type putsOff struct {
	Name string `json:"name"`
	Key  string `json:"key"`
	did  *[]string
	done bool
}

func (p *putsOff) Validate() error { return nil }

func (p *putsOff) Check(context.Context, states.Env) (states.Changes, error) {
	if p.done {
		return nil, nil
	}
	return states.Changes{{What: "x"}}, nil
}

func (p *putsOff) Apply(_ context.Context, env states.Env, _ states.Changes) error {
	p.done = true
	*p.did = append(*p.did, p.Name)
	key := p.Key
	env.Later(key, func() error {
		*p.did = append(*p.did, "sync "+key)
		if key == "bad" {
			return errors.New("the disk is gone")
		}
		return nil
	})
	return nil
}

// What makes changes last is done once for those that share it, before anything that requires them, and its failure is theirs.
func TestLater(t *testing.T) {
	type args struct {
		Key string `json:"key"`
	}
	for _, c := range []struct {
		name string
		low  []job.Low
		did  []string
		ok   []bool
	}{
		{"shared", []job.Low{low(t, "p.o", "a", args{"dir"}), low(t, "p.o", "b", args{"dir"})}, []string{"a", "b", "sync dir"}, []bool{true, true}},
		{"required", []job.Low{low(t, "p.o", "a", args{"dir"}), low(t, "p.o", "b", args{"dir"}, 0)}, []string{"a", "sync dir", "b", "sync dir"}, []bool{true, true}},
		{"failed", []job.Low{low(t, "p.o", "a", args{"bad"}), low(t, "p.o", "b", args{"bad"})}, []string{"a", "b", "sync bad"}, []bool{false, false}},
		{"failed and required", []job.Low{low(t, "p.o", "a", args{"bad"}), low(t, "p.o", "b", args{"dir"}, 0)}, []string{"a", "sync bad"}, []bool{false, false}},
	} {
		var did []string
		modules := []states.Module{{Name: "p", Functions: map[string]func() states.State{"o": func() states.State { return &putsOff{did: &did} }}}}
		results := (&Runner{Root: "/", Modules: modules}).Run(ctx, job.LowState{States: c.low}, false, event.ID{})
		if !slices.Equal(did, c.did) {
			t.Errorf("%s: done %q, want %q", c.name, did, c.did)
		}
		for i, r := range results {
			if r.OK != c.ok[i] {
				t.Errorf("%s: %s: %+v", c.name, r.Name, r)
			}
		}
	}
}
