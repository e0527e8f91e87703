package conn

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

const maxTop = 5

// data is what every event about one socket says.
func (m *matcher) data(change string, c *conn) Data {
	d := Data{Watch: m.name, Change: change, Proto: c.Proto.String(), Direction: "out", Local: c.Local.Addr().String(), LocalPort: int64(c.Local.Port()),
		User: c.user, Process: c.process}
	if c.in {
		d.Direction = "in"
	}
	if c.Remote.Port() != 0 {
		d.Remote, d.RemotePort = c.Remote.Addr().String(), int64(c.Remote.Port())
	}
	uid := int64(c.UID)
	d.UID = &uid
	return d
}

// tellConns tells connections one by one.
func (b *beacon) tellConns(m *matcher, opened, ended []*conn, now time.Time) {
	told := map[string]int{}
	tell := func(change string, c *conn) {
		if !m.tells(change) || !m.meant(c) {
			return
		}
		if told[change]++; told[change] > maxTold {
			return
		}
		d := m.data(change, c)
		if change == Closed {
			d.Opened, d.Duration = c.opened, math.Round(now.Sub(c.opened).Seconds()*10)/10
			if c.Info.RTT > 0 {
				d.Sent, d.Received = &c.Info.Sent, &c.Info.Received
			}
		}
		b.put(beacons.Signal{Tag: m.name + "/" + change, Time: now, Data: d})
	}
	for _, c := range opened {
		tell(New, c)
	}
	for _, c := range ended {
		tell(Closed, c)
	}
	for _, change := range []string{New, Closed} {
		if more := told[change] - maxTold; more > 0 {
			b.put(beacons.Signal{Tag: m.name + "/" + More, Time: now, Data: Data{Watch: m.name, Change: More, Key: change, Proto: m.proto().String(), Count: int64(more)}})
		}
	}
}

// recall reads which listeners were told before the last stop.
func (b *beacon) recall() error {
	for _, m := range b.watches {
		if !m.wantsListeners() {
			continue
		}
		prefix := "listen/" + m.name + "/"
		err := b.env.Baseline.Each(prefix, func(key string, _ []byte) error {
			if b.listened[m.name] == nil {
				b.listened[m.name] = map[string]bool{}
			}
			b.listened[m.name][key[len(prefix):]] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// known stands among the listeners of a watch that has looked once: what listens later is news, over a stop of the minion too.
const known = "-"

// tellListeners tells what listens and did not, and the other way round.
func (b *beacon) tellListeners(m *matcher, listeners []linux.Socket, now time.Time) {
	if !m.wantsListeners() {
		return
	}
	had := b.listened[m.name]
	news := had != nil || b.env.AtStart
	if had == nil {
		had = map[string]bool{}
		b.listened[m.name] = had
	}
	baseline := func(key string, value []byte) []beacons.KV {
		return []beacons.KV{{Key: "listen/" + m.name + "/" + key, Value: value}}
	}
	if !had[known] {
		had[known] = true
		b.put(beacons.Signal{Set: baseline(known, []byte{1})})
	}
	there := map[string]bool{known: true}
	var fresh []*conn
	for _, s := range listeners {
		c := &conn{Socket: s, in: true}
		if k := s.Proto.String() + "/" + s.Local.String(); s.Proto == m.proto() && !there[k] {
			there[k] = true
			if !had[k] {
				fresh = append(fresh, c)
			}
		}
	}
	b.name(fresh)
	for _, c := range fresh {
		k := c.Proto.String() + "/" + c.Local.String()
		had[k] = true
		s := beacons.Signal{Time: now, Set: baseline(k, []byte{1})}
		if news && m.meant(c) && m.tells(Listening) {
			s.Tag, s.Data = m.name+"/"+Listening, m.data(Listening, c)
		}
		b.put(s)
	}
	for _, k := range slices.Sorted(maps.Keys(had)) {
		if there[k] {
			continue
		}
		delete(had, k)
		s := beacons.Signal{Time: now, Set: baseline(k, nil)}
		if c := listenerOf(m.proto(), k); m.tells(Gone) && c != nil && m.meant(c) {
			d := m.data(Gone, c)
			d.UID = nil
			s.Tag, s.Data = m.name+"/"+Gone, d
		}
		b.put(s)
	}
}

// tellSpeed counts what is new and compares with the watch's rate.
func (b *beacon) tellSpeed(ctx context.Context, m *matcher, opened []*conn, now time.Time) {
	if !m.hasRate() {
		return
	}
	s := b.speeds[m.name]
	s.Advance(now)
	from := map[string]int64{}
	for _, c := range opened {
		if m.meant(c) {
			s.Add(key(m.Rate.By, c))
			from[c.Remote.Addr().String()]++
		}
	}
	limit := m.name + "/" + Rate
	data := func(r beacons.Reading) any {
		d := m.limitData(Rate, m.Rate.By, r, m.Rate.Threshold.Limit(), from)
		d.Within = m.within().Seconds()
		return d
	}
	for _, k := range s.Keys() {
		b.limits.Step(ctx, limit, k, now, float64(s.Of(k)), data)
	}
	for _, k := range b.limits.Keys(limit) {
		if !s.Has(k) {
			b.limits.Step(ctx, limit, k, now, 0, data)
		}
	}
}

// tellNumber compares how many are open with the watch's limit.
func (b *beacon) tellNumber(ctx context.Context, m *matcher, counted []linux.Socket, now time.Time) {
	if !m.hasOpen() {
		return
	}
	count, from := map[string]int64{}, map[string]int64{}
	add := func(c *conn) {
		if linux.StatesOf(c.State)&m.states != 0 && m.meant(c) {
			if k := key(m.Open.By, c); count[k] > 0 || len(count) < beacons.MaxSpeedKeys {
				count[k]++
			}
			from[c.Remote.Addr().String()]++
		}
	}
	for _, c := range b.tracker.open {
		add(c)
	}
	for _, s := range counted {
		c := b.tracker.begin(s, now)
		c.user = b.users[c.UID]
		add(c)
	}
	if m.Open.By == "" {
		count[""] += 0 // none is a number too
	}
	limit := m.name + "/" + Open
	data := func(r beacons.Reading) any { return m.limitData(Open, m.Open.By, r, m.Open.Threshold.Limit(), from) }
	for _, k := range slices.Sorted(maps.Keys(count)) {
		b.limits.Step(ctx, limit, k, now, float64(count[k]), data)
	}
	b.limits.Gone(ctx, limit, now, func(k string) bool { _, ok := count[k]; return ok }, data)
}

func (m *matcher) limitData(change, by string, r beacons.Reading, threshold float64, from map[string]int64) Data {
	d := Data{Watch: m.name, Change: change, Proto: m.proto().String(), Direction: m.Direction, State: r.State(), By: by, Key: r.Key, Count: int64(r.Value),
		Threshold: threshold, Since: r.Since, Worst: r.Worst, Lasted: r.Lasted()}
	if by == "" {
		d.Top = top(from)
	}
	return d
}

// top are the addresses that lead.
func top(from map[string]int64) []Peer {
	var list []Peer
	for a, n := range from {
		list = append(list, Peer{a, n})
	}
	slices.SortFunc(list, func(a, b Peer) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Address, b.Address))
	})
	return list[:min(len(list), maxTop)]
}
