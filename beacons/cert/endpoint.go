package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"brine/beacons"
)

// Bounds of the endpoints.
const (
	defaultTimeout  = 10 * time.Second
	maxTimeout      = time.Minute
	defaultFailures = 3
	maxRow          = 100
	maxEndpoints    = 64 // of one watch
	atOnce          = 8  // that are asked
)

// seen is what was seen of an endpoint, kept over a restart.
type seen struct {
	beacons.Streak
	SHA256 string `json:"sha256"` // of its certificate, when there was one last
}

// answer is what asking one endpoint came to.
type answer struct {
	watch, addr string
	chain       []*x509.Certificate // nil: there was none to be seen
	err         error
}

// checkEndpoints tells what is wrong with the options of endpoints.
func (w Watch) checkEndpoints(fault func(format string, args ...any)) {
	if len(w.Endpoints) > maxEndpoints {
		fault("endpoints: %d entries; at most %d", len(w.Endpoints), maxEndpoints)
	}
	for _, e := range w.Endpoints {
		if host, port, err := net.SplitHostPort(e); err != nil || host == "" || port == "" || strings.Contains(e, "/") {
			fault("endpoints: %q; want host:port", e)
		}
	}
	if w.Timeout < 0 || w.Timeout > maxTimeout {
		fault("timeout: %s; want at most %s", w.Timeout, maxTimeout)
	}
	if w.Failures < 0 || w.Failures > maxRow {
		fault("failures: %d; want at most %d", w.Failures, maxRow)
	}
}

// ask makes one handshake. Nobody is trusted and nothing is sent: one that has expired, or that an unknown authority made, is to be seen as well.
func (w Watch) ask(ctx context.Context, addr string) ([]*x509.Certificate, error) {
	timeout := w.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var chain []*x509.Certificate
	d := tls.Dialer{Config: &tls.Config{ServerName: w.ServerName, InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		chain = s.PeerCertificates
		return nil
	}}}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err == nil {
		_ = c.Close() // it has said all
	}
	if len(chain) > 0 { // though it may want one of ours
		return chain, nil
	}
	if err == nil {
		err = errNone
	}
	return nil, err
}

// endpoints asks all once an interval.
func (b *beacon) endpoints(ctx context.Context, out chan<- []answer) error {
	var all []answer
	for _, name := range slices.Sorted(maps.Keys(b.config.Watches)) {
		for _, addr := range b.config.Watches[name].Endpoints {
			all = append(all, answer{watch: name, addr: addr})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return b.env.Every(ctx, func(time.Time) error {
		answers := slices.Clone(all)
		var wg sync.WaitGroup
		places := make(chan struct{}, atOnce)
		for i := range answers {
			places <- struct{}{}
			wg.Go(func() {
				defer func() { <-places }()
				a := &answers[i]
				a.chain, a.err = b.config.Watches[a.watch].ask(ctx, a.addr)
			})
		}
		wg.Wait()
		if ctx.Err() != nil { // what ended them is no news
			return nil
		}
		select {
		case out <- answers:
		case <-ctx.Done():
		}
		return nil
	})
}

// readSeen reads what was seen of the endpoints before.
func (b *beacon) readSeen() error {
	err := b.env.Baseline.Each("up/", func(key string, value []byte) error {
		var s seen
		if json.Unmarshal(value, &s) == nil {
			b.seen[strings.TrimPrefix(key, "up/")] = s
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	return nil
}

// endpoint tells what has changed of one. What cannot be kept is told after it is asked the next time.
func (b *beacon) endpoint(ctx context.Context, fire beacons.Fire, a answer, now time.Time) {
	w, key := b.config.Watches[a.watch], a.watch+"/"+a.addr
	failures := w.Failures
	if failures == 0 {
		failures = defaultFailures
	}
	was := b.seen[key]
	streak, turned := was.Step(a.err == nil, now, failures, 1)
	next := seen{Streak: streak, SHA256: was.SHA256}
	d := Data{Watch: a.watch, Endpoint: a.addr}
	if a.err == nil {
		notAfter := firstToExpire(a.chain)
		d.describe(a.chain[0], notAfter, now)
		next.SHA256 = d.SHA256
		b.limits.Step(ctx, a.watch+"/"+Expires, a.addr, now, notAfter.Sub(now).Seconds(), func(r beacons.Reading) any {
			e := d
			e.Change, e.State, e.Since = Expires, r.State(), r.Since
			return e
		})
	}
	if !turned && next.SHA256 == was.SHA256 {
		b.seen[key] = next
		return
	}
	var signals []beacons.Signal
	tell := func(change string, edit func(*Data)) {
		e := d
		e.Change = change
		edit(&e)
		signals = append(signals, beacons.Signal{Tag: a.watch + "/" + change, Time: now, Data: e})
	}
	switch {
	case turned && next.Down:
		tell(Unreachable, func(e *Data) { e.Since, e.Error = next.Since, a.err.Error() })
	case turned && was.Known:
		tell(Reachable, func(e *Data) { e.Since = next.Since })
	}
	if was.SHA256 != "" && next.SHA256 != was.SHA256 {
		tell(Replaced, func(e *Data) { e.Before = was.SHA256 })
	}
	if len(signals) == 0 {
		signals = []beacons.Signal{{}}
	}
	value, _ := json.Marshal(next) // text, numbers and a time
	signals[len(signals)-1].Set = []beacons.KV{{Key: "up/" + key, Value: value}}
	if fire(ctx, signals...) == nil {
		b.seen[key] = next
	}
}

func firstToExpire(chain []*x509.Certificate) time.Time {
	at := chain[0].NotAfter
	for _, c := range chain[1:] {
		if c.NotAfter.Before(at) {
			at = c.NotAfter
		}
	}
	return at
}
