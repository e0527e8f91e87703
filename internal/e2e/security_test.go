package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/bus"
	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/rig"
	"brine/internal/wire"
)

// guest is a client of the bus with a key of its choice, that speaks the protocol by hand.
type guest struct {
	mu     sync.Mutex
	got    []wire.Message
	closed error
}

func (g *guest) Opened(*bus.Peer) {}

func (g *guest) Message(_ *bus.Peer, raw []byte) {
	msg, err := wire.DecodeDown(raw)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.closed = err
		return
	}
	g.got = append(g.got, msg)
}

func (g *guest) Closed(_ *bus.Peer, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = err
}

// messages are those that came, and why there will be no more.
func (g *guest) messages() ([]wire.Message, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]wire.Message(nil), g.got...), g.closed
}

func anyMaster(identity.Fingerprint) error { return nil }

// enter walks through the bus door with a key.
func (w *world) enter(key identity.Key) (*guest, *bus.Peer, error) {
	g := &guest{}
	p, err := bus.Dial(w.ctx, "tcp://"+w.Addr, bus.ClientOptions{Key: key, Trust: anyMaster, Handler: g})
	if err == nil {
		w.t.Cleanup(func() {
			p.Close(errors.New("the test is over"))
			<-p.Done()
		})
	}
	return g, p, err
}

func (w *world) newKey() identity.Key {
	w.t.Helper()
	key, err := identity.NewKey(rand.Reader)
	w.must(err)
	return key
}

func send(w *world, p *bus.Peer, msg wire.Message) {
	w.t.Helper()
	raw, err := wire.Encode(msg)
	w.must(err)
	w.must(p.Send(raw))
}

// keyOf reads the key of a minion, as a thief does.
func (w *world) keyOf(m *rig.Minion) identity.Key {
	w.t.Helper()
	key, err := identity.LoadOrCreate(filepath.Join(m.Dir, "minion.key"))
	w.must(err)
	return key
}

// logged waits until a minion's log says something.
func (w *world) logged(m *rig.Minion, text string) {
	w.t.Helper()
	w.until("the log of "+m.ID+" says "+text, func() bool {
		log, _ := os.ReadFile(w.Path("log/" + m.ID + ".log"))
		return strings.Contains(string(log), text)
	})
}

// A minion whose key nobody has accepted gets nothing and sees nothing.
func TestStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, config := w.manage("motd")
	w.startMaster()
	good := w.minion("web1", config)
	w.bring(good, files...)

	// pending, its own id
	pending := w.prepare("web2", "")
	w.start(pending)
	w.one("brine/key/web2/pending", 0)
	// rejected, its own id
	rejected := w.prepare("web3", "")
	w.start(rejected)
	w.one("brine/key/web3/pending", 0)
	_, err := w.Client.RejectKeys(w.ctx, "web3")
	w.must(err)
	w.one("brine/key/web3/rejected", 0)
	// a second key that claims the accepted id
	impostor := w.prepare("impostor", "")
	text, err := os.ReadFile(impostor.Config)
	w.must(err)
	w.write("etc/impostor.yaml", strings.Replace(string(text), "id: impostor", "id: web1", 1))
	w.start(impostor)
	w.one("brine/key/web1/impostor", 0)
	w.logged(impostor, "denied")

	// all of them have something to say
	for _, m := range []*rig.Minion{pending, rejected, impostor} {
		w.status(m)
		_, err := w.api(m).Fire(w.ctx, "e2e/stranger", nil)
		w.must(err)
	}
	// and are meant by jobs
	from := w.head()
	w.must(os.WriteFile(files[0].path, []byte("drift\n"), 0o640))
	files[0].corrected(from, "modified")
	done, err := w.Client.Submit(w.ctx, api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"motd"}}, Tgt: "*"})
	w.must(err)
	if len(done.Targets) != 1 || done.Targets[0] != "web1" {
		t.Errorf("the job is for %v", done.Targets)
	}
	for _, id := range []string{"web2", "web3"} {
		if _, err := w.Client.Submit(w.ctx, api.Submit{Fun: job.TestPing, Tgt: id}); err == nil {
			t.Errorf("a job for %s was taken", id)
		}
	}
	w.settled(good)
	w.none("e2e/stranger")
	for _, e := range w.events(api.Query{}) {
		if e.Minion != "" && e.Minion != "web1" || strings.Contains(e.Tag, "/web2") && !strings.HasPrefix(e.Tag, "brine/key/") {
			t.Errorf("%d %s by %q", e.Pos, e.Tag, e.Minion)
		}
	}
	for _, m := range []*rig.Minion{pending, rejected, impostor} {
		if s := w.status(m); s.Connected || s.Unsent < 2 {
			t.Errorf("%s: %+v", m.ID, s)
		}
		content, err := filepath.Glob(filepath.Join(m.Dir, "content", "*"))
		w.must(err)
		if len(content) > 0 {
			t.Errorf("%s holds content: %v", m.ID, content)
		}
	}
	for _, m := range w.minions() {
		if m.ID != "web1" {
			t.Errorf("there is a minion %s", m.ID)
		}
	}
	// By hand, past the minion's own good manners.
	for name, key := range map[string]identity.Key{"unknown": w.newKey(), "pending": w.keyOf(pending), "rejected": w.keyOf(rejected), "impostor": w.keyOf(impostor)} {
		if _, _, err := w.enter(key); !errors.Is(err, identity.ErrNotAdmitted) {
			t.Errorf("%s at the bus door: %v", name, err)
		}
	}
	// Once accepted, what was fired meanwhile arrives: nothing was lost.
	_, err = w.Client.AcceptKeys(w.ctx, "web2")
	w.must(err)
	w.one("e2e/stranger", 0)
}

func (w *world) minions() []api.Minion {
	w.t.Helper()
	list, err := w.Client.Minions(w.ctx, "*", "")
	w.must(err)
	return list
}

// Rejecting or deleting a key ends its session at once, and what waits for it.
func TestSessionEndsWithItsKey(t *testing.T) {
	for name, act := range map[string]func(*api.Client, context.Context, ...string) ([]identity.Record, error){
		"rejected": (*api.Client).RejectKeys, "deleted": (*api.Client).DeleteKeys,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.startMaster()
			m := w.minion("web1", "")
			_, err := act(w.Client, w.ctx, "web1")
			w.must(err)
			at := w.one("brine/key/web1/"+name, 0)
			w.one("brine/minion/web1/offline", 0)
			w.until("the minion is without a session", func() bool { return !w.status(m).Connected })
			_, err = w.api(m).Fire(w.ctx, "e2e/after", nil)
			w.must(err)
			if _, err := w.Client.Submit(w.ctx, api.Submit{Fun: job.TestPing, Tgt: "web1"}); err == nil {
				t.Error("a job for it was taken")
			}
			if _, _, err := w.enter(w.keyOf(m)); !errors.Is(err, identity.ErrNotAdmitted) {
				t.Errorf("its key at the bus door: %v", err)
			}
			for _, e := range w.events(api.Query{From: at.Pos}) {
				if e.Minion != "" {
					t.Errorf("after its key was %s it fired %s", name, e.Tag)
				}
			}
		})
	}
}

// An accepted minion can speak for nobody else, whatever it sends by hand with its real key.
func TestMinionSpeaksForItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, config := w.manage("motd")
	w.startMaster()
	good := w.minion("web1", config)
	w.bring(good, files...)
	bad := w.minion("web2", "")
	w.settled(bad)
	w.must(bad.Stop())
	key := w.keyOf(bad)

	// another id in the greeting
	g, p, err := w.enter(key)
	w.must(err)
	inc := event.NewIncarnation(42)
	send(w, p, &wire.Hello{MinProto: 1, MaxProto: wire.Proto, ID: "web1", Inc: inc, First: 1, Next: 1, Now: time.Now().UnixNano()})
	w.until("it is sent away", func() bool { _, closed := g.messages(); return closed != nil })
	w.one("brine/minion/web2/refused", 0)
	if m := w.minions(); len(m) != 2 || !m[0].Online {
		t.Errorf("web1 suffered: %+v", m)
	}

	// its own id, and other people's tags
	g, p, err = w.enter(key)
	w.must(err)
	tags := []string{
		"brine/beacon/web1/file" + event.EscapeTag(files[0].path), "brine/minion/web1/offline", "brine/key/web2/accepted", "brine/job/aaaaaaaaaaaaaaaa/new",
		"brine/job/aaaaaaaaaaaaaaaa/ret/web1", "brine/gap/web1", "brine/drift/web1/x/corrected", "brine/reactor/restore-motd/timer", "brine/x", "brine",
		"", "a//b", "a/*",
		"e2e/mine", // and one that it may fire
	}
	send(w, p, &wire.Hello{MinProto: 1, MaxProto: wire.Proto, ID: "web2", Inc: inc, First: 1, Next: uint64(len(tags)) + 1, Now: time.Now().UnixNano()})
	batch := &wire.Events{First: 1}
	for i, tag := range tags {
		batch.Events = append(batch.Events, wire.EncodeEvent(wire.Event{Seq: uint64(i + 1), Time: time.Now().UnixNano(), Tag: tag}))
	}
	send(w, p, batch)
	var ack *wire.Ack
	w.until("it is answered", func() bool {
		got, _ := g.messages()
		for _, m := range got {
			if a, ok := m.(*wire.Ack); ok {
				ack = a
			}
		}
		return ack != nil
	})
	if int(ack.UpTo) != len(tags) || len(ack.Rejected) != len(tags)-1 {
		t.Errorf("acknowledged to %d, %d rejected: %+v", ack.UpTo, len(ack.Rejected), ack.Rejected)
	}
	w.one("brine/minion/web2/rejected", 0)
	if e := w.one("e2e/mine", 0); e.Minion != "web2" {
		t.Errorf("fired by %q", e.Minion)
	}

	// content that no job of its own names
	send(w, p, &wire.Get{Hash: strings.Repeat("ab", 32)})
	w.until("it is refused", func() bool {
		got, _ := g.messages()
		c, ok := got[len(got)-1].(*wire.Chunk)
		return ok && c.Error != "" && len(c.Data) == 0
	})
	// a message of the wrong direction
	send(w, p, &wire.Welcome{Proto: 1})
	w.until("it is sent away", func() bool { _, closed := g.messages(); return closed != nil })

	if jobs := w.tagged("brine/job/*/new", 0); len(jobs) != 2 { // the first apply and a ping
		t.Errorf("%d jobs", len(jobs))
	}
	from := w.head()
	w.must(os.Remove(files[0].path))
	files[0].corrected(from, "removed")
}
