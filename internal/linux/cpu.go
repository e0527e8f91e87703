package linux

import (
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/procfs"
)

// CPUTime is what a processor, or all of them, has spent in each mode since boot: seconds, as /proc/stat counts them. Guest time is
// part of User, as the kernel has it.
type CPUTime struct {
	User, Nice, System, Idle, Iowait, IRQ, SoftIRQ, Steal float64
}

// CPUTimes are all processors, and each by its number.
type CPUTimes struct {
	All  CPUTime
	Core map[int]CPUTime
}

// CPU reads the times of all processors.
func (p Proc) CPU() (CPUTimes, error) {
	s, err := p.fs.Stat()
	if err != nil {
		return CPUTimes{}, fmt.Errorf("%s/stat: %w", p.path, absent(err))
	}
	if len(s.CPU) == 0 {
		return CPUTimes{}, fmt.Errorf("%s/stat names no processor", p.path)
	}
	t := CPUTimes{All: cpuTime(s.CPUTotal), Core: make(map[int]CPUTime, len(s.CPU))}
	for n, c := range s.CPU {
		t.Core[int(n)] = cpuTime(c)
	}
	return t, nil
}

func cpuTime(s procfs.CPUStat) CPUTime {
	return CPUTime{s.User, s.Nice, s.System, s.Idle, s.Iowait, s.IRQ, s.SoftIRQ, s.Steal}
}

// CPUModes are the names that Share knows.
func CPUModes() []string { return slices.Sorted(maps.Keys(cpuModes)) }

// cpuModes say what of a CPUTime belongs to a mode. Used is all but waiting, idle and what other virtual machines took.
var cpuModes = map[string]func(CPUTime) float64{
	"used":    CPUTime.used,
	"user":    func(t CPUTime) float64 { return t.User + t.Nice },
	"nice":    func(t CPUTime) float64 { return t.Nice },
	"system":  func(t CPUTime) float64 { return t.System + t.IRQ + t.SoftIRQ },
	"iowait":  func(t CPUTime) float64 { return t.Iowait },
	"irq":     func(t CPUTime) float64 { return t.IRQ + t.SoftIRQ },
	"steal":   func(t CPUTime) float64 { return t.Steal },
	"idle":    func(t CPUTime) float64 { return t.Idle },
	"softirq": func(t CPUTime) float64 { return t.SoftIRQ },
}

func (t CPUTime) used() float64 {
	return t.User + t.Nice + t.System + t.IRQ + t.SoftIRQ
}

func (t CPUTime) total() float64 { return t.used() + t.Idle + t.Iowait + t.Steal }

// Share is the part of the time between two readings that was spent in a mode: 0 to 1. It is false when no time has passed, or
// when the counters went back, as a virtual machine that was moved shows them.
func (t CPUTime) Share(before CPUTime, mode string) (float64, bool) {
	of, ok := cpuModes[mode]
	passed := t.total() - before.total()
	if !ok || passed <= 0 {
		return 0, false
	}
	part := of(t) - of(before)
	if part < 0 { // iowait and idle may go back a little, by the kernel's own account
		part = 0
	}
	return min(part/passed, 1), true
}
