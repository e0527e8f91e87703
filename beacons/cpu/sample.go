package cpu

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

// closeLook is between two looks at the processes when a limit is entered at once, with no earlier look to compare with.
const closeLook = 100 * time.Millisecond

// sample compares what was spent since the last one with every limit.
func (b *beacon) sample(ctx context.Context, now time.Time) error {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return err
	}
	times, err := proc.CPU()
	if errors.Is(err, linux.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	if b.before == nil {
		b.before = &times
		return nil
	}
	if values := b.values(&times, b.before); len(values) > 0 { // else no time has passed, and they are as they were
		b.before, b.last = &times, values
	}
	values := b.last
	busy := b.busy(ctx, proc, now, values)
	for _, v := range values {
		b.limits.Step(ctx, v.limit, v.key, now, v.percent, func(r beacons.Reading) any {
			d := b.data(r)
			d.Core = v.core
			if r.Entered {
				d.Processes = busy[:min(len(busy), b.config.Limits[r.Limit].top())]
			}
			return d
		})
	}
	for name := range b.config.Limits { // a core that was taken offline
		b.limits.Gone(ctx, name, now, func(key string) bool {
			core, err := strconv.Atoi(key)
			_, online := times.Core[core]
			return err != nil || online
		}, func(r beacons.Reading) any { return b.data(r) })
	}
	return nil
}

// data is what every event says.
func (b *beacon) data(r beacons.Reading) Data {
	l := b.config.Limits[r.Limit]
	return Data{Limit: r.Limit, State: r.State(), Mode: l.mode(), Value: r.Value, Threshold: l.Threshold.Limit(), Worst: r.Worst, Since: r.Since, Lasted: r.Lasted()}
}

// top is how many processes are told: 0 in the configuration is the default.
func (l Limit) top() int {
	if l.Top == 0 {
		return defaultTop
	}
	return l.Top
}

// value is what one limit is compared with.
type value struct {
	limit, key string
	core       *int64
	percent    float64
}

// values lists what every limit looks at, in order.
func (b *beacon) values(now, before *linux.CPUTimes) (list []value) {
	for _, name := range slices.Sorted(maps.Keys(b.config.Limits)) {
		l := b.config.Limits[name]
		if l.Core == "" || l.Core == "all" {
			if share, ok := now.All.Share(before.All, l.mode()); ok {
				list = append(list, value{name, "", nil, percent(share)})
			}
			continue
		}
		for _, core := range slices.Sorted(maps.Keys(now.Core)) {
			if was, ok := before.Core[core]; ok && (l.Core == "each" || l.Core == strconv.Itoa(core)) {
				if share, ok := now.Core[core].Share(was, l.mode()); ok {
					n := int64(core)
					list = append(list, value{name, strconv.Itoa(core), &n, percent(share)})
				}
			}
		}
	}
	return list
}

// busy lists the busiest processes of the last interval, while some value is beyond its limit; else nothing is read.
func (b *beacon) busy(ctx context.Context, proc linux.Proc, now time.Time, values []value) []Process {
	if !slices.ContainsFunc(values, func(v value) bool { return b.limits.Beyond(v.limit, v.percent) }) {
		b.processes = nil
		return nil
	}
	before, since := b.processes, b.at
	if before == nil {
		if before, _ = proc.Processes(); before == nil {
			return nil
		}
		since = time.Now()
		select {
		case <-time.After(closeLook):
		case <-ctx.Done():
			return nil
		}
	}
	list, err := proc.Processes()
	if err != nil {
		return nil
	}
	read := time.Now()
	b.processes, b.at = list, read
	var out []Process
	for _, p := range linux.Busiest(before, list, read.Sub(since).Seconds(), maxTop) {
		out = append(out, Process{
			PID: int64(p.PID), PPID: int64(p.PPID), Comm: p.Comm, Cmdline: proc.Cmdline(p.PID, maxCmdline), UID: int64(p.UID),
			CPU: percent(p.Share), RSS: p.RSS,
		})
	}
	return out
}
