package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/job"
	"brine/internal/rig"
)

// contestedAt is how many corrections of one state in a short time make it contested: internal/minion says so. No file may come so far.
const contestedAt = 10

// enforced is a minion with files that it keeps right by itself: neither a rule nor a beacon is written.
type enforced struct {
	r      *rig.Rig
	minion *rig.Minion
	files  []string
}

// enforce sets that up with n files, and returns when every one has been put in place.
func enforce(ctx context.Context, r *rig.Rig, n int) (*enforced, error) {
	e := &enforced{r: r}
	var sls strings.Builder
	for i := range n {
		file := r.Path(fmt.Sprintf("host/etc/%d.conf", i))
		e.files = append(e.files, file)
		fmt.Fprintf(&sls, "%s:\n  file.managed:\n    - source: brine://app.conf\n    - mode: '0644'\n    - enforce: true\n", file)
	}
	if err := os.MkdirAll(filepath.Dir(e.files[0]), 0o755); err != nil {
		return nil, err
	}
	for rel, text := range map[string]string{"states/app.conf": string(wanted), "states/app.sls": sls.String()} {
		if err := r.Write(rel, text); err != nil {
			return nil, err
		}
	}
	if err := r.StartMaster(ctx); err != nil {
		return nil, err
	}
	var err error
	if e.minion, err = join(ctx, r, ""); err != nil {
		return nil, err
	}
	if _, err := r.Client.Submit(ctx, api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"app"}}, Tgt: e.minion.ID}); err != nil {
		return nil, err
	}
	if err := r.Wait(ctx, "the states are applied", func() (bool, error) {
		jobs, err := r.Client.Jobs(ctx, api.JobQuery{Open: true})
		return len(jobs) == 0, err
	}); err != nil {
		return nil, err
	}
	for _, file := range e.files {
		if _, err := untilRight(ctx, file); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	// Until the beacon watches and the look that follows has been taken, a drift would be found by that.
	if err := pause(ctx, 2*time.Second); err != nil {
		return nil, err
	}
	return e, nil
}

// corrected is how often corrections were told, by file, and how many other events told of a drift.
func (e *enforced) corrected(ctx context.Context) (by map[string]int, others int, err error) {
	by = map[string]int{}
	for line, err := range e.r.Client.Events(ctx, api.Query{Tag: "brine/drift/" + e.minion.ID + "/**"}) {
		if err != nil {
			return nil, 0, err
		}
		if line.Event == nil {
			continue
		}
		var d job.Drift
		if err := line.Event.Data.Decode(&d); err != nil {
			return nil, 0, err
		}
		if strings.HasSuffix(line.Event.Tag, "/"+job.DriftCorrected) {
			by[d.Name]++
		} else {
			others++
		}
	}
	return by, others, nil
}

// told waits until the last drift was told to have been corrected for the n-th time.
func (e *enforced) told(ctx context.Context, file string, n int) error {
	return e.r.Wait(ctx, "the correction is told", func() (bool, error) {
		for line, err := range e.r.Client.Events(ctx, api.Query{Tag: "brine/drift/" + e.minion.ID + "/**", Reverse: true, Limit: 1}) {
			if err != nil {
				return false, err
			}
			var d job.Drift
			if line.Event != nil && line.Event.Data.Decode(&d) == nil && d.Name == file {
				return d.Corrected == n, nil
			}
		}
		return false, nil
	})
}
