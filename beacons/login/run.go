package login

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

const (
	wtmp        = "/var/log/wtmp"
	btmp        = "/var/log/btmp"
	again       = time.Second // until what could not be kept is tried again
	prefix      = "session/"  // of the baselines of sessions, by terminal
	maxSessions = 4096        // that are remembered; of others the end is not told
	maxHistory  = 4096        // records of wtmp that are read at the first start, for the sessions that are there
)

type beacon struct {
	config   *Config
	env      beacons.Env
	fire     beacons.Fire
	files    map[string]*follower // by path on the host
	sessions map[string]session   // by terminal
	limits   *beacons.Limits
	rates    map[string]*beacons.Speeds
}

// session is one that is there.
type session struct {
	User  string    `json:"user"`
	Host  string    `json:"host"`
	Addr  string    `json:"addr"`
	PID   int64     `json:"pid"`
	Began time.Time `json:"began"`
}

func newBeacon(c *Config, env beacons.Env) *beacon {
	b := &beacon{config: c, env: env, files: map[string]*follower{}, rates: map[string]*beacons.Speeds{}}
	for _, path := range []string{wtmp, btmp} {
		b.files[path] = &follower{path: env.Path(path)}
	}
	for name, r := range c.Floods {
		b.rates[name] = beacons.NewSpeeds(r.within())
	}
	return b
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	b.fire = fire
	b.limits, err = beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Floods, func(r *Rate) *beacons.Threshold { return &r.Threshold }))
	if err != nil {
		return err
	}
	written := make(chan struct{}, 1)
	for path, f := range b.files {
		defer f.close()
		kept, err := b.env.Baseline.Get("at" + path)
		if err != nil {
			return err
		}
		f.recall(kept)
		stop, err := b.env.Files.Watch(b.env.Path(path), false, func(beacons.Note) {
			select {
			case written <- struct{}{}:
			default:
			}
		})
		if err != nil {
			return err
		}
		defer stop()
	}
	for {
		wait, err := b.look(ctx)
		if err != nil {
			return err
		}
		var timer <-chan time.Time
		if wait {
			timer = time.After(again)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer:
		case <-written:
		}
	}
}

// look reads what is new. It reports true when it is to be called again soon: something could not be kept, or a count is to go down with time.
func (b *beacon) look(ctx context.Context) (soon bool, err error) {
	for _, path := range []string{wtmp, btmp} {
		kept, err := b.drain(ctx, path)
		if err != nil {
			return false, err
		}
		soon = soon || !kept
	}
	return b.compare(ctx, b.env.Now()) || soon, nil
}

// drain tells the new records of a file. It reports false when that could not be kept: it is read again then.
func (b *beacon) drain(ctx context.Context, path string) (kept bool, err error) {
	f := b.files[path]
	for ctx.Err() == nil {
		first := !f.ever
		list, behind, missed, err := f.next()
		if err != nil || behind == f.at && !first {
			return true, err
		}
		if first && behind.Inode == 0 {
			behind.Offset = 0 // there is no file yet: all that comes is new
		}
		if err := b.recall(path, first); err != nil {
			return false, err
		}
		value, _ := json.Marshal(behind) // two numbers
		signals := []beacons.Signal{}
		if missed > 0 {
			signals = append(signals, beacons.Signal{Tag: Missed, Data: Data{Change: Missed, Count: missed}})
		}
		for _, r := range list {
			if path == wtmp {
				signals = append(signals, b.session(r)...)
			} else if s, ok := b.failed(r); ok {
				signals = append(signals, s)
			}
		}
		signals = append(signals, b.began(path, first)...)
		signals = append(signals, beacons.Signal{Set: []beacons.KV{{Key: "at" + path, Value: value}}})
		if b.fire(ctx, signals...) != nil {
			return false, nil
		}
		f.at, f.ever = behind, true
		if path == btmp {
			b.count(list)
		}
	}
	return true, nil
}

// recall reads the sessions that are kept: what is told of them, and what is kept, is one.
func (b *beacon) recall(path string, first bool) error {
	if path != wtmp || first {
		return nil
	}
	b.sessions = map[string]session{}
	return b.env.Baseline.Each(prefix, func(key string, value []byte) error {
		var s session
		if json.Unmarshal(value, &s) == nil {
			b.sessions[key[len(prefix):]] = s
		}
		return nil
	})
}

// began gives, at the first start, the sessions that are there already: so that their ends can be told. With Env.AtStart they are told too.
func (b *beacon) began(path string, first bool) (signals []beacons.Signal) {
	if path != wtmp || !first {
		return nil
	}
	b.sessions = map[string]session{}
	file, _, size, err := open(b.env.Path(path))
	if err != nil {
		return nil
	}
	defer file.Close()
	record := int64(linux.LoginRecordSize())
	buf := make([]byte, min(size/record, maxHistory)*record)
	if _, err := file.ReadAt(buf, size-size%record-int64(len(buf))); err != nil {
		return nil
	}
	for ; int64(len(buf)) >= record; buf = buf[record:] {
		r, _ := linux.ParseLogin(buf)
		_ = b.session(r)
	}
	for _, tty := range slices.Sorted(maps.Keys(b.sessions)) {
		s := b.sessions[tty]
		signal := beacons.Signal{Set: set(tty, &s)}
		if b.env.AtStart && slices.Contains(b.config.Tell, Begun) {
			signal.Tag, signal.Data = Begun, s.data(Begun, tty, s.Began)
		}
		signals = append(signals, signal)
	}
	return signals
}

func (s session) data(change, tty string, at time.Time) Data {
	return Data{Change: change, User: s.User, TTY: tty, Host: s.Host, Address: s.Addr, PID: s.PID, At: at}
}

func set(tty string, s *session) []beacons.KV {
	kv := beacons.KV{Key: prefix + tty}
	if s != nil {
		kv.Value, _ = json.Marshal(s) // texts, a number, a time
	}
	return []beacons.KV{kv}
}

// session takes in a record of wtmp.
func (b *beacon) session(r linux.LoginRecord) (signals []beacons.Signal) {
	switch r.Kind {
	case linux.LoginBegun:
		if r.User == "" || r.Line == "" || len(b.sessions) >= maxSessions {
			return nil
		}
		s := session{User: r.User, Host: r.Host, Addr: address(r), PID: int64(r.PID), Began: r.Time.UTC()}
		b.sessions[r.Line] = s
		signal := beacons.Signal{Set: set(r.Line, &s)}
		if slices.Contains(b.config.Tell, Begun) {
			signal.Tag, signal.Time, signal.Data = Begun, r.Time, s.data(Begun, r.Line, s.Began)
		}
		return []beacons.Signal{signal}
	case linux.LoginEnded:
		if _, had := b.sessions[r.Line]; had {
			return []beacons.Signal{b.ended(r.Line, r.Time, false)}
		}
	case linux.LoginBoot:
		for _, tty := range slices.Sorted(maps.Keys(b.sessions)) {
			signals = append(signals, b.ended(tty, r.Time, true))
		}
	}
	return signals
}

func (b *beacon) ended(tty string, at time.Time, reboot bool) beacons.Signal {
	s := b.sessions[tty]
	delete(b.sessions, tty)
	signal := beacons.Signal{Set: set(tty, nil)}
	if slices.Contains(b.config.Tell, Ended) {
		d := s.data(Ended, tty, at.UTC())
		d.Began, d.Duration, d.Reboot = s.Began, math.Round(10*max(0, at.Sub(s.Began).Seconds()))/10, reboot
		signal.Tag, signal.Time, signal.Data = Ended, at, d
	}
	return signal
}

func address(r linux.LoginRecord) string {
	if r.Addr.IsValid() {
		return r.Addr.String()
	}
	return ""
}

// failed makes the signal of a record of btmp, where one is wanted.
func (b *beacon) failed(r linux.LoginRecord) (beacons.Signal, bool) {
	d := Data{Change: Failed, User: r.User, TTY: r.Line, Host: r.Host, Address: address(r), PID: int64(r.PID), At: r.Time.UTC()}
	return beacons.Signal{Tag: Failed, Time: r.Time, Data: d}, slices.Contains(b.config.Tell, Failed)
}

// count counts failed logins that have just happened.
func (b *beacon) count(list []linux.LoginRecord) {
	now := b.env.Now()
	for name, limit := range b.config.Floods {
		b.rates[name].Advance(now)
		for _, r := range list {
			if now.Sub(r.Time) < limit.within() { // and not one of before a stop
				b.rates[name].Add(limit.key(r))
			}
		}
	}
}

func (r Rate) key(record linux.LoginRecord) string {
	switch r.By {
	case "address":
		if a := address(record); a != "" {
			return a
		}
		return strings.ToLower(record.Host)
	case "user":
		return record.User
	}
	return ""
}

// compare steps all counts. It reports true while there are some, which go down with time.
func (b *beacon) compare(ctx context.Context, now time.Time) (some bool) {
	for _, name := range slices.Sorted(maps.Keys(b.config.Floods)) {
		limit, rates := b.config.Floods[name], b.rates[name]
		rates.Advance(now)
		data := func(r beacons.Reading) any {
			d := Data{Change: Flood, Flood: name, State: r.State(), By: limit.By, Key: r.Key, Count: int64(r.Value), Threshold: limit.Threshold.Limit(),
				Within: limit.within().Seconds(), Since: r.Since, Worst: r.Worst, Lasted: r.Lasted()}
			switch limit.By {
			case "address":
				d.Address = r.Key
			case "user":
				d.User = r.Key
			}
			return d
		}
		keys := rates.Keys()
		for _, k := range slices.Compact(slices.Sorted(slices.Values(append(keys, b.limits.Keys(name)...)))) {
			b.limits.Step(ctx, name, k, now, float64(rates.Of(k)), data)
		}
		some = some || len(keys) > 0 || len(b.limits.Keys(name)) > 0
	}
	return some
}
