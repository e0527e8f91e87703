// Package tcp is the beacon that sees whether TCP services answer. It must never know what is done about one that does not.
package tcp

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "tcp".
func Module() beacons.Module {
	return beacons.Module{
		Name:        "tcp",
		Sample:      sample,
		Data:        Data{},
		Config:      func() beacons.Config { return &Config{} },
		Interval:    30 * time.Second,
		AtStart:     true,
		Purpose:     "Connects to TCP services and tells when one no longer answers, or answers too slowly, and when it does again.",
		Tags:        tags(),
		Cost:        "One connection to each address an interval, closed at once; at most 16 at the same time.",
		Permissions: "None.",
		Blind:       "Whether what answers is what should: the beacon http asks more. An outage shorter than the interval times the failures that are wanted.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Name     string    `json:"name"`     // of the probe
	Address  string    `json:"address"`  // as configured
	State    string    `json:"state"`    // up or down
	Error    string    `json:"error"`    // with down: of the last probe
	Latency  float64   `json:"latency"`  // seconds until it answered
	Since    time.Time `json:"since"`    // of the first probe that said so
	Lasted   float64   `json:"lasted"`   // with up: seconds that it was down
	Failures int64     `json:"failures"` // with down: probes in a row that failed
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return []beacons.Tag{
		{Tail: "<name>/down", When: "the last probes failed, as many in a row as failures says", Data: Data{Name: "database", Address: "db1:5432", State: "down",
			Error: "dial tcp 10.0.0.5:5432: connect: connection refused", Since: since, Failures: 3}},
		{Tail: "<name>/up", When: "it answers again", Data: Data{Name: "database", Address: "db1:5432", State: "up", Latency: 0.003, Since: since, Lasted: 95}},
	}
}

// Bounds of a probe.
const (
	defaultTimeout  = 5 * time.Second
	maxTimeout      = time.Minute
	defaultFailures = 3
	defaultPasses   = 1
	maxRow          = 100
	atOnce          = 16 // probes
)

// Config is what stands below "tcp:": probes under names of the operator's own.
type Config struct {
	Probes map[string]Probe `yaml:",rest"` // a probe
}

// Probe is one address.
type Probe struct {
	Address  string        `yaml:"address,required"` // host:port; a name is looked up each time
	Timeout  time.Duration `yaml:"timeout"`          // until it must have answered; 5s when nothing is said, at most 1m
	Latency  time.Duration `yaml:"latency"`          // an answer that takes longer is a failure; timeout when nothing is said
	Failures int           `yaml:"failures"`         // so many in a row, and it is down; 3 when nothing is said
	Passes   int           `yaml:"passes"`           // so many in a row, and it is up again; 1 when nothing is said
}

// Validate tells what is wrong with the probes.
func (c *Config) Validate() error {
	return beacons.CheckLimits(c.Probes, func(name string, p Probe) error {
		var faults []error
		fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(name+": "+format, args...)) }
		if host, port, err := net.SplitHostPort(p.Address); err != nil || host == "" || port == "" {
			fault("address: %q; want host:port", p.Address)
		}
		if p.Timeout < 0 || p.Timeout > maxTimeout {
			fault("timeout: %s; want at most %s", p.Timeout, maxTimeout)
		}
		if p.Latency < 0 || p.Latency > maxTimeout {
			fault("latency: %s; want at most %s", p.Latency, maxTimeout)
		}
		if p.Failures < 0 || p.Failures > maxRow {
			fault("failures: %d; want 1 to %d", p.Failures, maxRow)
		}
		if p.Passes < 0 || p.Passes > maxRow {
			fault("passes: %d; want 1 to %d", p.Passes, maxRow)
		}
		return errors.Join(faults...)
	})
}

// filled is the probe with what is meant where nothing is said.
func (p Probe) filled() Probe {
	if p.Timeout == 0 {
		p.Timeout = defaultTimeout
	}
	if p.Failures == 0 {
		p.Failures = defaultFailures
	}
	if p.Passes == 0 {
		p.Passes = defaultPasses
	}
	return p
}

// Beacon makes the beacon.
func (c *Config) Beacon(env beacons.Env) beacons.Beacon { return &beacon{c, env} }

type beacon struct {
	config *Config
	env    beacons.Env
}

// answer is what one probe came to.
type answer struct {
	took time.Duration
	err  error
}

// Run implements beacons.Beacon: probe all, then step each.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	known := map[string]beacons.Streak{}
	if !b.env.AtStart {
		for name := range b.config.Probes {
			var err error
			if known[name], err = beacons.ReadStreak(b.env.Baseline, name); err != nil {
				return fmt.Errorf("baseline: %w", err)
			}
		}
	}
	return b.env.Every(ctx, func(now time.Time) error {
		answers := b.probe(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(answers)) {
			p, a, was := b.config.Probes[name].filled(), answers[name], known[name]
			next, turned := was.Step(a.err == nil, now, p.Failures, p.Passes)
			if !turned || fire(ctx, b.signal(name, p, a, was, next, now)) == nil {
				known[name] = next
			}
		}
		return nil
	})
}

func (b *beacon) signal(name string, p Probe, a answer, was, next beacons.Streak, now time.Time) beacons.Signal {
	s := beacons.Signal{Time: now, Set: []beacons.KV{next.KV(name)}}
	d := Data{Name: name, Address: p.Address, State: "up", Latency: math.Round(a.took.Seconds()*1e6) / 1e6, Since: next.Since}
	switch {
	case next.Down:
		d.State, d.Error, d.Failures, d.Latency = "down", a.err.Error(), int64(p.Failures), 0
	case was.Known:
		d.Lasted = math.Round(next.Since.Sub(was.Since).Seconds()*10) / 10
	case !b.env.AtStart:
		return s // up from the first: no news
	}
	s.Tag, s.Data = name+"/"+d.State, d
	return s
}

// probe asks all, some at a time.
func (b *beacon) probe(ctx context.Context) map[string]answer {
	answers := map[string]answer{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for name, p := range b.config.Probes {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			a := p.filled().ask(ctx)
			mu.Lock()
			defer mu.Unlock()
			answers[name] = a
		})
	}
	wg.Wait()
	return answers
}

func (p Probe) ask(ctx context.Context) answer {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	began := time.Now()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", p.Address)
	a := answer{took: time.Since(began), err: err}
	if err != nil {
		return a
	}
	_ = c.Close() // it answered
	if p.Latency > 0 && a.took > p.Latency {
		a.err = fmt.Errorf("it answered after %s; the limit is %s", a.took.Round(time.Millisecond), p.Latency)
	}
	return a
}
