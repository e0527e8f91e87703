package e2e

import (
	"fmt"
	"net"
	"testing"
)

// Both daemons are killed at random moments while events flow: the minion right after it has accepted one, the master right after it has
// acknowledged some. Each accepted event stands in the log exactly once.
func TestKill(t *testing.T) {
	t.Parallel()
	chance := seed(t)
	w := newWorld(t)
	w.startMaster()
	m := w.minion("web1", "")
	g := w.aim(m, "a")
	g.fire()
	kills := sized(100, 8)
	minions, masters, row := 0, 0, 0
	for range kills {
		g.more(1 + chance.IntN(20))
		what := chance.IntN(5)
		if row++; row > 3 { // a minion whose sessions end at once, again and again, waits ever longer between them
			what = 0
		}
		switch what {
		case 0, 1:
			row = 0
			m.Kill() // right after an event was accepted
			minions++
			w.start(m)
		case 2, 3:
			head := w.head()
			w.until("the master has taken more in", func() bool { return w.head() > head })
			w.Master.Kill() // right after it has told somebody
			masters++
			w.startMaster()
		default:
			row = 0
			w.Master.Kill()
			m.Kill()
			minions, masters = minions+1, masters+1
			w.start(m)
			g.more(chance.IntN(3))
			w.startMaster()
		}
	}
	g.more(1)
	g.cease()
	w.drained(m)
	w.once(g)
	g.promised()
	w.sequences()
	w.none("brine/minion/web1/renewed")
	w.none("brine/minion/web1/rejected")
	w.none("brine/gap/*")
	t.Logf("%d kills of the minion, %d of the master, %d events accepted, %d in the log", minions, masters, g.count(), w.head())
}

// Who fires an event and does not wait for the answer has fired it all the same, and nothing else must happen for it to be sent.
func TestSenderHangsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	m := w.minion("web1", "")
	w.settled(m)
	for n := range 20 {
		conn, err := net.Dial("unix", m.Socket)
		w.must(err)
		body := fmt.Sprintf(`{"tag":"e2e/gone","data":{"n":%d}}`, n)
		_, err = fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: brine\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		w.must(err)
		w.must(conn.Close())
		w.until("the event is in the log", func() bool { return len(w.tagged("e2e/gone", 0)) == n+1 })
	}
}
