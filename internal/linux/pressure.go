package linux

import (
	"fmt"
	"time"
)

// Pressure is one line of /proc/pressure: how much of the time somebody, or everybody, waited for a resource.
type Pressure struct {
	Avg10, Avg60, Avg300 float64       // 0 to 1
	Total                time.Duration // since boot
}

// Pressures are both lines; Full is nil where the kernel does not tell it.
type Pressures struct{ Some, Full *Pressure }

// Pressure reads the pressure of "cpu", "memory" or "io". ErrAbsent says that the kernel was built or started without.
func (p Proc) Pressure(resource string) (Pressures, error) {
	s, err := p.fs.PSIStatsForResource(resource)
	if err != nil {
		return Pressures{}, fmt.Errorf("%s/pressure/%s: %w", p.path, resource, absent(err))
	}
	var out Pressures
	if l := s.Some; l != nil {
		out.Some = &Pressure{l.Avg10 / 100, l.Avg60 / 100, l.Avg300 / 100, time.Duration(l.Total) * time.Microsecond}
	}
	if l := s.Full; l != nil {
		out.Full = &Pressure{l.Avg10 / 100, l.Avg60 / 100, l.Avg300 / 100, time.Duration(l.Total) * time.Microsecond}
	}
	if out.Some == nil {
		return out, fmt.Errorf("%s/pressure/%s: no line begins with some", p.path, resource)
	}
	return out, nil
}
