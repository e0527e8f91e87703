package e2e

import (
	"testing"

	"brine/internal/event"
)

// say fires an operator's event.
func (w *world) say(tag string, data map[string]any) event.ID {
	w.t.Helper()
	d, err := event.Encode(data)
	w.must(err)
	f, err := w.Client.Fire(w.ctx, tag, d)
	w.must(err)
	return f.ID
}

// The master is killed with windows open: what they have seen counts after its restart, and what should have come and did not is told then.
func TestWindowsOutliveTheMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("reactors/r.yaml", `
three:
  on: {pattern: ops/login, count: 3, within: 1h, by: [data.user], when: data.ok}
  do: [{event.fire: {tag: "told/three/${data.user}", data: {ids: "${events.map(e, e.id)}"}}}]
order:
  on: {sequence: [ops/begin, ops/login, ops/end], within: 1h}
  do: [{event.fire: told/order}]
hung:
  on: {absent: ops/end, after: ops/begin, within: 6s, by: [data.job]}
  do: [{event.fire: {tag: "told/hung/${data.job}"}}]
gather:
  on: ops/change
  throttle: {once_after: 2s}
  do: [{event.fire: {tag: told/gather, data: {n: "${events.size()}"}}}]
`)
	w.startMaster()
	var ids []string
	login := func(user string) {
		ids = append(ids, w.say("ops/login", map[string]any{"user": user, "ok": true}).String())
	}
	w.say("ops/begin", map[string]any{"job": "a"})
	w.say("ops/begin", map[string]any{"job": "b"})
	login("joe")
	w.say("ops/login", map[string]any{"user": "joe", "ok": false})
	login("joe")
	w.say("ops/change", nil)
	w.say("ops/change", nil)
	w.Master.Kill()
	w.startMaster()
	windows, err := w.Client.Windows(w.ctx, "three")
	w.must(err)
	if len(windows.Windows) != 1 || windows.Windows[0].Seen != 2 || windows.Windows[0].Key != `["joe"]` {
		t.Errorf("after the restart the window is %+v", windows.Windows)
	}
	w.say("ops/end", map[string]any{"job": "b"})
	login("joe")
	var told struct {
		IDs []string `json:"ids"`
	}
	three := w.one("told/three/joe", 0)
	w.must(three.Data.Decode(&told))
	if len(told.IDs) != 3 || told.IDs[0] != ids[0] || told.IDs[2] != ids[2] || len(three.Causes) != 3 {
		t.Errorf("the three are %v, told are %v with the causes %v", ids, told.IDs, three.Causes)
	}
	w.one("told/order", 0)
	w.one("told/hung/a", 0)
	gathered := w.one("told/gather", 0)
	var n struct {
		N int `json:"n"`
	}
	w.must(gathered.Data.Decode(&n))
	if n.N != 2 || len(gathered.Causes) != 3 { // the timer's, and the two
		t.Errorf("gathered are %d, with the causes %v", n.N, gathered.Causes)
	}
	w.none("told/hung/b")
	w.none("brine/reactor/*/failed")
}

// What comes from nobody is noticed without an event that would begin the wait, and a minion that does not come back is.
func TestAbsent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	m := w.minion("web1", "")
	w.settled(m)
	w.write("reactors/r.yaml", `
silent:
  on: {absent: ops/beat, within: 2s}
  do: [{event.fire: told/silent}]
gone:
  on: {absent: 'brine/minion/*/online', after: 'brine/minion/*/offline', within: 2s, by: ["tag.split('/')[2]"]}
  do: [{event.fire: "told/gone/${tag.split('/')[2]}"}]
`)
	w.one("told/silent", 0)
	m.Kill()
	w.one("told/gone/web1", 0)
	w.start(m)
	w.Master.Kill()
	w.startMaster()
	w.settled(m)
	head := w.head()
	w.say("ops/beat", nil)
	w.one("told/silent", head)
	w.none("brine/reactor/*/failed")
	if got := len(w.tagged("told/gone/**", 0)); got != 1 {
		t.Errorf("told %d times that the minion is gone", got)
	}
}
