package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"testing"

	"brine/internal/api"
	"brine/internal/job"
)

// A large source is pushed in chunks; a session that breaks in the middle goes on where it was.
func TestLargeContent(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	w := newWorld(t)
	w.startMaster()
	p := newProxy(t, w.Addr)
	m := w.prepare("web1", "")
	p.behind(w, m)
	w.start(m)
	w.must(w.Accept(w.ctx, m.ID))
	w.must(w.Online(w.ctx, m.ID))
	text := make([]byte, size)
	chance := rand.NewChaCha8([32]byte{1})
	_, _ = chance.Read(text) // never fails
	want := sha256.Sum256(text)
	w.must(os.WriteFile(w.Path("states/big"), text, 0o644))
	path := w.Path("host/big")
	w.write("states/big.sls", path+":\n  file.managed:\n    - source: brine://big\n    - makedirs: true\n")
	w.settled(m)

	p.count()
	p.cutAfter(-1, size/2)
	done, err := w.Client.Submit(w.ctx, api.Submit{Fun: job.StateApply, Args: job.Args{SLS: []string{"big"}}, Tgt: m.ID})
	w.must(err)
	jobs := w.ended(done.JID)
	if jobs[0].Status != job.Succeeded {
		t.Fatalf("%+v", jobs[0])
	}
	if r := w.result(jobs[0].Ret); !r.OK || len(r.States) != 1 || len(r.States[0].Changes) == 0 {
		t.Errorf("%+v", r)
	}
	got, err := os.ReadFile(path)
	w.must(err)
	if sum := sha256.Sum256(got); sum != want {
		t.Errorf("%d bytes with the hash %s", len(got), hex.EncodeToString(sum[:]))
	}
	if n := len(w.tagged("brine/minion/web1/offline", 0)); n != 1 {
		t.Errorf("the session broke %d times", n)
	}
	// What had come was not asked for again, but for the chunks that were on their way.
	if down := p.count(); down < size || down > size+size/4 {
		t.Errorf("%d bytes went down for %d of content", down, size)
	}

	// What is there already does not travel again.
	w.must(os.Remove(path))
	if r := w.apply(m.ID, "big"); !r.OK || !r.Changed() {
		t.Errorf("%+v", r)
	}
	if down := p.count(); down > 64<<10 {
		t.Errorf("%d bytes went down for content that the minion has", down)
	}

	// Changed while nobody looks: what is pushed is what the source says then.
	text[0]++
	want = sha256.Sum256(text)
	w.must(os.WriteFile(w.Path("states/big"), text, 0o644))
	if r := w.apply(m.ID, "big"); !r.OK || !r.Changed() {
		t.Errorf("%+v", r)
	}
	got, err = os.ReadFile(path)
	w.must(err)
	if sha256.Sum256(got) != want {
		t.Error("the file is not what the source is")
	}
}
