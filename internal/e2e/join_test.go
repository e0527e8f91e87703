package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/api"
	"brine/internal/rig"
)

var apiAll = api.Query{}

// joiner prepares a minion that knows its master only by the lines given.
func (w *world) joiner(id, lines string) *rig.Minion {
	w.t.Helper()
	m := w.prepare(id, "")
	w.write("etc/"+id+".yaml", fmt.Sprintf("id: %s\nmaster: tcp://%s\ndata_dir: %s\nsocket: %s\n%s", id, w.Addr, m.Dir, m.Socket, lines))
	return m
}

func (w *world) token(t api.NewToken) string {
	w.t.Helper()
	made, err := w.Client.NewToken(w.ctx, t)
	w.must(err)
	return made.Text
}

// A join token lets one minion in, once, in time.
func TestJoinToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	token := w.token(api.NewToken{TTL: api.Duration(time.Hour)})
	first := w.joiner("web1", "join_token: "+token+"\n")
	w.start(first)
	w.must(w.Online(w.ctx, "web1"))
	w.one("brine/key/web1/accepted", 0)
	w.one("brine/key/web1/token-used", 0)

	second := w.joiner("web2", "join_token: "+token+"\n")
	w.start(second)
	w.logged(second, "status=denied")
	w.one("brine/key/web2/denied", 0)

	mine := w.token(api.NewToken{TTL: api.Duration(time.Hour), ID: "web3"})
	thief := w.joiner("web4", "join_token: "+mine+"\n")
	w.start(thief)
	w.logged(thief, "status=denied")
	third := w.joiner("web3", "join_token: "+mine+"\n")
	w.start(third)
	w.must(w.Online(w.ctx, "web3"))

	short := w.token(api.NewToken{TTL: api.Duration(time.Nanosecond)})
	late := w.joiner("web5", "join_token: "+short+"\n")
	w.start(late)
	w.logged(late, "status=denied")
	w.logged(late, "expired")

	// The host was set up anew: a token may replace its key.
	w.must(first.Stop())
	again := w.token(api.NewToken{TTL: api.Duration(time.Hour), ID: "web1", Replace: true})
	reborn := w.joiner("web1-new", "join_token: "+again+"\n")
	w.write("etc/web1-new.yaml", fmt.Sprintf("id: web1\nmaster: tcp://%s\ndata_dir: %s\nsocket: %s\njoin_token: %s\n", w.Addr, reborn.Dir, reborn.Socket, again))
	w.start(reborn)
	w.until("web1 is back with another key", func() bool { return w.status(reborn).Connected })

	var ids []string
	for _, m := range w.minions() {
		ids = append(ids, m.ID)
	}
	if got := strings.Join(ids, " "); got != "web1 web3" {
		t.Errorf("minions: %s", got)
	}
	// The secret is kept nowhere on the master.
	for _, text := range []string{token, mine, short, again} {
		secret := strings.TrimPrefix(text, "brine_join_1_")[:39]
		if out := grep(w, w.Path("master"), secret); out != "" {
			t.Errorf("a token's secret lies in %s", out)
		}
	}
}

// A minion that knows its master's fingerprint speaks to no other.
func TestWrongMaster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startMaster()
	wrong := w.joiner("web1", "master_fingerprint: SHA256:"+strings.Repeat("A", 43)+"\n")
	w.start(wrong)
	w.logged(wrong, "the master's key is not the pinned one")
	fp, err := w.Client.Fingerprint(w.ctx)
	w.must(err)
	w.logged(wrong, string(fp))
	if keys, err := w.Client.Keys(w.ctx, ""); err != nil || len(keys) != 0 {
		t.Errorf("the master heard of it: %v, %v", keys, err)
	}
	right := w.joiner("web2", "master_fingerprint: "+string(fp)+"\n")
	w.start(right)
	w.must(w.Accept(w.ctx, "web2"))
	w.must(w.Online(w.ctx, "web2"))

	// Trust on first use is for the first use.
	tofu := w.minion("web3", "")
	w.must(tofu.Stop())
	w.must(w.Master.Stop())
	other := newWorld(t)
	other.Addr = w.Addr
	other.write("etc/master.yaml", strings.NewReplacer("listen: tcp://", "listen: tcp://"+w.Addr+" # ").Replace(read(other, "etc/master.yaml")))
	other.startMaster()
	w.start(tofu)
	w.logged(tofu, "the master's key is not the pinned one")
}
