package master

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
	"brine/internal/target"
	"brine/internal/wire"
)

// fingerprint makes a key out of a name.
func fingerprint(name string) identity.Fingerprint {
	seed := sha256.Sum256([]byte(name))
	fp, err := identity.FingerprintOf(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	return fp
}

func joinToken(name, id string, replace bool) (string, identity.Token, error) {
	seed := sha256.Sum256([]byte(name))
	return identity.NewToken(fingerprint("the master"), identity.TokenOptions{ID: id, Replace: replace, Life: time.Hour, By: "root"}, start, strings.NewReader(string(seed[:])))
}

func token(t *testing.T, name, id string, replace bool) identity.Token {
	_, tok, err := joinToken(name, id, replace)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func secret(name string) identity.Secret {
	if name == "" {
		return ""
	}
	text, _, err := joinToken(name, "", false)
	if err != nil {
		panic(err)
	}
	s, _, err := identity.ParseToken(text)
	if err != nil {
		panic(err)
	}
	return s
}

// setWall sets the wall clock of a time by d, and leaves its monotonic reading as it is: what time.Now gives after somebody
// has set the clock. The layout is that of time.Time since Go 1.9.
func setWall(t time.Time, d time.Duration) time.Time {
	t = t.Add(d)
	*(*int64)(unsafe.Add(unsafe.Pointer(&t), 8)) -= int64(d)
	return t
}

func (p *player) hello(id string, words []string) *wire.Hello {
	h := &wire.Hello{MinProto: 1, MaxProto: 1, ID: id, Inc: 1, First: 1, Next: 1, Now: p.now.UnixNano(), Version: "1"}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "inc":
			h.Inc = event.Incarnation(p.number(v))
		case "first":
			h.First = p.number(v)
		case "next":
			h.Next = p.number(v)
		case "acked":
			h.Acked = p.number(v)
		case "min":
			h.MinProto = uint8(p.number(v))
		case "max":
			h.MaxProto = uint8(p.number(v))
		case "grains":
			h.Grains = p.data(v)
		default:
			p.t.Fatalf("unknown word %q", w)
		}
	}
	return h
}

func (p *player) items(first uint64, words []string) []Item {
	var items []Item
	for _, w := range words {
		if strings.HasPrefix(w, "~") {
			p.flag(&items[len(items)-1], w[1:])
			continue
		}
		tag, data, _ := strings.Cut(w, "=")
		e := wire.Event{Seq: first + uint64(len(items)), Time: p.now.UnixNano(), Tag: tag, Data: p.data(data)}
		items = append(items, Item{Raw: wire.EncodeEvent(e), Event: e})
	}
	return items
}

func (p *player) flag(it *Item, word string) {
	k, v, _ := strings.Cut(word, "=")
	switch k {
	case "own":
		it.Event.Own = true
	case "depth":
		it.Event.Depth = uint8(p.number(v))
	case "seq":
		it.Event.Seq = p.number(v)
	case "broken":
		it.Err = errors.New(strings.ReplaceAll(v, "_", " "))
	case "cause":
		it.Event.Causes = append(it.Event.Causes, event.ID{Origin: "web1", Inc: 1, Seq: p.number(v)})
	default:
		p.t.Fatalf("unknown flag %q", word)
	}
	it.Raw = wire.EncodeEvent(it.Event)
}

// result is an event with the result of a job: C SEQ JOB ok|failed|broken [ATTEMPT].
func (p *player) result(f []string) []Item {
	r := job.Result{JID: p.jid(f[2]), Attempt: 1, Fun: job.StateApply, OK: f[3] == "ok"}
	if !r.OK {
		r.Error = "it went wrong"
	}
	if len(f) > 4 {
		r.Attempt = int(p.number(f[4]))
	}
	data, err := event.Encode(r)
	if err != nil {
		p.t.Fatal(err)
	}
	if f[3] == "broken" {
		data = p.data(`"no result"`)
	}
	id := p.core.sessions[p.number(f[0])].id
	e := wire.Event{Seq: p.number(f[1]), Time: p.now.UnixNano(), Tag: jobTag + r.JID + "/ret/" + id, Data: data}
	return []Item{{Raw: wire.EncodeEvent(e), Event: e}}
}

func (p *player) message(f []string) wire.Message {
	switch f[0] {
	case "taken":
		return &wire.Taken{JID: p.jid(f[2]), Attempt: int(p.number(f[3]))}
	case "get":
		return &wire.Get{Hash: hash(f[2])}
	}
	return map[string]wire.Message{"ack": &wire.Ack{}, "taken": &wire.Taken{}, "job": &wire.Job{}}[f[2]]
}

// hash is 64 hex digits out of a name.
func hash(name string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(name))) }

func (p *player) compiled(f []string) Input {
	in := Compiled{JID: p.jid(f[1]), Target: f[2]}
	what := append(f[3:], "low")[0]
	if what == "error" {
		in.Err = errors.New(strings.Join(f[4:], " "))
		return in
	}
	in.Low = &job.LowState{Hash: hash("low"), Source: []string{"motd"}, States: []job.Low{
		{ID: "/etc/motd", SLS: "motd", Fun: "file.managed", Name: "/etc/motd", Content: []job.Content{{Hash: hash("motd"), Size: 1}}}}}
	if what == "big" {
		for range 8 {
			in.Low.States = append(in.Low.States, job.Low{ID: "x", SLS: "x", Fun: "file.managed", Name: "x", Args: make([]byte, event.MaxData)})
		}
	}
	return in
}

func (p *player) executed(f []string) Input {
	r := job.Result{JID: p.jid(f[1]), Attempt: 1, Fun: job.MasterExec, OK: f[2] == "ok", Final: f[2] == "final", Stdout: strings.Join(f[3:], " ")}
	if j := p.core.jobs[jobKey{r.JID, event.Master}]; j != nil {
		r.Attempt = j.Attempt
	}
	if !r.OK {
		r.Error, r.Exit = "exit status 1", 1
	}
	return Executed{JID: r.JID, Result: r}
}

func (p *player) retry(f []string, ref string) Input {
	in := RetryJob{Ref: ref, By: "root"}
	for _, k := range p.disk.order {
		if k.jid == p.jid(f[1]) && (len(f) < 3 || f[2] == k.target) {
			in.Jobs = append(in.Jobs, p.disk.jobs[k])
		}
	}
	return in
}

func (p *player) submit(f []string, line string) {
	t, err := target.Parse("glob", f[1])
	if err != nil {
		p.t.Fatal(err)
	}
	p.step(Submit{Ref: line, Fun: f[2], Args: job.Args{SLS: f[4:]}, Match: t.Match, TTL: p.duration(f[3]), By: "root"})
}

// jid turns J1 into the first jid that was met, R1 into the first run.
func (p *player) jid(name string) string {
	for i, id := range p.runs {
		if name == fmt.Sprintf("R%d", i+1) {
			return id
		}
	}
	for i, jid := range p.jids {
		if name == fmt.Sprintf("J%d", i+1) {
			return jid
		}
	}
	return name
}

// called is the opposite of jid, and names those not met before: R1 the first run of steps, J1 the first other.
func (p *player) called(jid string) string {
	for i, known := range p.runs {
		if known == jid {
			return fmt.Sprintf("R%d", i+1)
		}
	}
	for i, known := range p.jids {
		if known == jid {
			return fmt.Sprintf("J%d", i+1)
		}
	}
	p.jids = append(p.jids, jid)
	return fmt.Sprintf("J%d", len(p.jids))
}
