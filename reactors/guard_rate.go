package reactors

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"brine/internal/config"
)

// rate is how often a rule may fire: so many times within per. The zero rate is no limit.
type rate struct {
	count int
	per   time.Duration
}

// defaultRate is that of a rule without max_rate: three times a minute for each of 10,000 minions, which no fleet needs for long, and a
// loop through the outside world soon reaches.
var defaultRate = rate{30_000, time.Minute}

// noRate is written for no limit.
const noRate = "none"

// Bounds of a rate.
const (
	maxRateCount = 1_000_000_000
	maxRatePer   = 24 * time.Hour
)

// UnmarshalText reads 100/1m, or none.
func (r *rate) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == noRate {
		*r = rate{}
		return nil
	}
	count, per, ok := strings.Cut(s, "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if !ok || err != nil || n < 1 || n > maxRateCount {
		return fmt.Errorf("%q is no rate; want a count and a time, such as 100/1m, or %s", s, noRate)
	}
	per = strings.TrimSpace(per)
	if strings.Trim(per, "smhd") == "" { // 100/m
		per = "1" + per
	}
	d, err := config.ParseDuration(per)
	if err != nil || d < time.Second || d > maxRatePer {
		return fmt.Errorf("%q: %q is no time from 1s to 24h", s, per)
	}
	*r = rate{n, d}
	return nil
}

func (r rate) String() string {
	if r.count == 0 {
		return noRate
	}
	return fmt.Sprintf("%d/%s", r.count, config.ShortDuration(r.per))
}

// quiet is for how long a suspended rule must be quiet.
func (r rate) quiet() time.Duration { return max(r.per, minQuiet) }

// calm is how many times it may fire within quiet and still be called so: half its rate.
func (r rate) calm() int {
	if r.count == 0 {
		return maxRateCount
	}
	return int(float64(r.count) / 2 * (float64(r.quiet()) / float64(r.per)))
}

// due is when a suspension ends, if nothing more comes.
func (s *storm) due(r rate) int64 {
	if s.Count <= r.calm() {
		return s.Ends
	}
	return s.Ends + int64(r.quiet())
}

// count takes one more firing in.
func (s *storm) count(r rate, now int64) {
	if now >= s.due(r) {
		return // it is over, and its event is still to come
	}
	for now >= s.Ends {
		s.Ends += int64(r.quiet())
		s.Count = 0
	}
	s.Count++
}

// modeShadow is the mode of a rule that decides and does not act.
const modeShadow = "shadow"

// guards reads how often a rule may fire, and whether it acts at all.
func (c *ruleCompiler) guards(f *ruleFile) {
	r := c.rule
	r.rate = defaultRate
	if f.MaxRate != nil {
		r.rate, r.info.MaxRate = *f.MaxRate, f.MaxRate.String()
	}
	switch {
	case f.Mode == nil || f.Mode.Kind() == config.Scalar && f.Mode.Text() == "act":
	case f.Mode.Kind() == config.Scalar && f.Mode.Text() == modeShadow:
		r.shadow, r.info.Mode = true, modeShadow
	default:
		c.fault(f.Mode.Fault("%q is no mode", f.Mode.Text()).WithHint("shadow: decides and records, and does not act; act is what a rule does without it"))
	}
}
