package disk

import (
	"math"
	"time"
)

// What the speed of filling is judged by.
const (
	maxSamples = 60
	minSamples = 5
	history    = 30 * time.Minute
)

// filling is how much was in use lately.
type filling struct {
	device  string
	samples []usage // oldest first
}

type usage struct {
	at   time.Time
	used int64
}

func newFilling(device string) *filling { return &filling{device: device} }

func (f *filling) add(now time.Time, used int64) {
	f.samples = append(f.samples, usage{now, used})
	for len(f.samples) > maxSamples || now.Sub(f.samples[0].at) > history || now.Before(f.samples[0].at) {
		f.samples = f.samples[1:]
	}
}

// left is in how many seconds nothing will be free, if it goes on as it has: the slope of a line through the samples, by least squares.
// Nil: it does not fill, or nobody can say yet.
func (f *filling) left(free int64) *float64 {
	n := float64(len(f.samples))
	if n < minSamples {
		return nil
	}
	var t, u, tt, tu float64
	for _, s := range f.samples {
		x, y := s.at.Sub(f.samples[0].at).Seconds(), float64(s.used-f.samples[0].used)
		t, u, tt, tu = t+x, u+y, tt+x*x, tu+x*y
	}
	spread := n*tt - t*t
	if spread <= 0 {
		return nil
	}
	slope := (n*tu - t*u) / spread // bytes a second
	if slope <= 0 {
		return nil
	}
	left := math.Round(float64(free) / slope)
	const most = 10 * 365 * 24 * 3600
	if left > most {
		return nil
	}
	return &left
}
