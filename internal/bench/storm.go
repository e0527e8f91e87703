package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"brine/internal/rig"
)

// storms is how often the files drift together.
const storms = 5

// storm has many enforced files drift as fast as they can be written, and takes the time from the first write until the last is right.
func storm(ctx context.Context, r *rig.Rig, o options) (table, error) {
	t := table{head: []string{"files", "all written after", "all right after", "all told after", "processor time", "corrections", "other drift events"}}
	e, err := enforce(ctx, r, o.storm)
	if err != nil {
		return t, err
	}
	sum := 0
	for n := 1; n <= storms; n++ {
		before, start := processorTime(r), time.Now()
		for _, file := range e.files {
			if err := os.WriteFile(file, fmt.Appendf(nil, "drift %d\n", n), 0o644); err != nil {
				return t, err
			}
		}
		written := time.Since(start)
		for _, file := range e.files {
			if _, err := untilRight(ctx, file); err != nil {
				return t, fmt.Errorf("%s: %w", file, err)
			}
		}
		right := time.Since(start)
		var others int
		if err := r.Wait(ctx, "every correction is told", func() (bool, error) {
			by, o, err := e.corrected(ctx)
			sum, others = 0, o
			for _, n := range by {
				sum += n
			}
			return sum >= n*len(e.files), err
		}); err != nil {
			return t, err
		}
		t.add(fmt.Sprint(len(e.files)), seconds(written), seconds(right), seconds(time.Since(start)), seconds(processorTime(r)-before),
			fmt.Sprint(sum-(n-1)*len(e.files)), fmt.Sprint(others))
		if err := pause(ctx, 3*time.Second); err != nil { // for the looks that follow each correction
			return t, err
		}
	}
	return t, nil
}
