package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"brine/internal/identity"
)

// pss is the memory of a process as the kernel shares it out, in KiB.
func pss(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("no Pss")
	return 0
}

// zmtp is a greeting with the NULL mechanism and the READY of a DEALER.
func zmtp() []byte {
	b := make([]byte, 64)
	b[0], b[9], b[10] = 0xff, 0x7f, 3
	copy(b[12:], "NULL")
	body := "\x05READY" + "\x0bSocket-Type\x00\x00\x00\x06DEALER" + "\x08Identity\x00\x00\x00\x00"
	return append(append(b, 4, byte(len(body))), body...)
}

// claim is the header of a frame of that size.
func claim(flags byte, size uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{flags | 2}, size)
}

// Strangers and a hostile minion do their worst, many times over: a healthy minion's file is restored meanwhile, and the
// master's memory stays flat.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, config := w.manage("motd")
	w.startMaster()
	m := w.minion("web1", config)
	w.bring(m, files...)
	bad := w.minion("web2", "")
	w.settled(bad)
	w.must(bad.Stop())
	config2 := w.keyOf(bad).ClientTLS(identity.DoorBus, anyMaster)

	var open []net.Conn
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", w.Addr)
		w.must(err)
		open = append(open, conn)
		return conn
	}
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	write := func(c net.Conn, b []byte) { _, _ = c.Write(b) } // the master may have had enough
	inside := func(b []byte) {
		c := tls.Client(dial(), config2)
		write(c, append(zmtp(), b...))
	}
	junk := bytes.Repeat([]byte("garbage!"), 8<<10)
	attacks := []struct {
		name string
		do   func()
	}{
		{"nothing", func() { dial() }},
		{"garbage", func() { write(dial(), junk) }},
		{"half a TLS record", func() { write(dial(), []byte{22, 3, 1, 0xff, 0xff, 1}) }},
		{"HTTP", func() { write(dial(), []byte("GET / HTTP/1.1\r\n\r\n")) }},
		{"ZMTP without TLS", func() { write(dial(), zmtp()) }},
		{"TLS without ALPN", func() {
			c := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true})
			write(c, zmtp())
		}},
		{"TLS of a stranger", func() {
			c := tls.Client(dial(), w.newKey().ClientTLS(identity.DoorBus, anyMaster))
			write(c, zmtp())
		}},
		{"an enrolment that claims 4 GiB", func() {
			c := tls.Client(dial(), w.newKey().ClientTLS(identity.DoorEnrol, anyMaster))
			write(c, []byte{0xff, 0xff, 0xff, 0xff, 1})
		}},
		{"an enrolment of garbage", func() {
			c := tls.Client(dial(), w.newKey().ClientTLS(identity.DoorEnrol, anyMaster))
			write(c, append([]byte{0, 0, 0x0f, 0xff}, junk[:0xfff]...))
		}},
		{"a frame of 2^62 bytes", func() { inside(append(claim(0, 1<<62), junk...)) }},
		{"a frame of 2^64-1 bytes", func() { inside(append(claim(0, 1<<64-1), junk...)) }},
		{"a full frame that never ends", func() { inside(append(claim(0, 1<<20), junk...)) }},
		{"frames with more to come", func() { inside(bytes.Repeat([]byte("\x01\x04more"), 1000)) }},
		{"commands", func() { inside(bytes.Repeat([]byte("\x04\x07\x04PING\x00\x00"), 1000)) }},
		{"a message of garbage", func() { inside(append([]byte{0, 200}, junk[:200]...)) }},
		{"CBOR that claims much", func() { inside([]byte{0, 10, 3, 0xa1, 2, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) }},
		{"no greeting", func() { inside([]byte("\x00\x06\x03\xa2\x01\x01\x02\x80")) }},
	}
	round := func() {
		for _, a := range attacks {
			a.do()
			for _, c := range open[:max(0, len(open)-100)] { // as many stay open
				c.Close()
			}
			open = open[max(0, len(open)-100):]
		}
	}
	// Once for everything that is set up lazily.
	round()
	w.settled(m)
	before := pss(t, w.Master.PID())
	most := before
	for range sized(40, 5) {
		round()
		most = max(most, pss(t, w.Master.PID()))
	}
	for i, d := range drifts {
		from := w.head()
		w.must(d.do(files[0].path))
		round()
		files[0].corrected(from, d.change)
		if t.Failed() {
			t.Fatalf("drift %d", i)
		}
	}
	after := pss(t, w.Master.PID())
	t.Logf("PSS of the master: %d KiB before, %d at most, %d after", before, most, after)
	const room = 24 << 10 // KiB: what a hundred TLS connections, their frames of 1 MiB and the garbage between collections may take
	if most > before+room {
		t.Errorf("the master's memory went from %d to %d KiB", before, most)
	}
	if !w.minions()[0].Online {
		t.Error("the healthy minion was thrown out")
	}
	for _, e := range w.events(apiAll) {
		if e.Minion == "web2" && !strings.HasPrefix(e.Tag, "brine/minion/web2/") && !strings.HasPrefix(e.Tag, "brine/job/") {
			t.Errorf("%d %s", e.Pos, e.Tag)
		}
	}
}
