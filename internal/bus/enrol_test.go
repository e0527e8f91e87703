package bus

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"brine/internal/identity"
)

func TestEnrol(t *testing.T) {
	key := newKey(t)
	h := newHouse(t, func(o *ServerOptions) {
		o.Enrol = func(fp identity.Fingerprint, ip string, request []byte) []byte {
			if fp != key.Fingerprint() || ip != "127.0.0.1" {
				t.Errorf("enrolment of %v at %q", fp, ip)
			}
			if string(request) == "go away" {
				return nil
			}
			return append([]byte("re: "), request[:min(len(request), MaxEnrol-4)]...)
		}
	})
	trust := identity.Pin(h.key.Fingerprint())
	for _, request := range [][]byte{[]byte("hello"), bytes.Repeat([]byte("x"), MaxEnrol)} {
		reply, master, err := Enrol(t.Context(), h.addr, key, trust, request)
		if err != nil {
			t.Fatal(err)
		}
		if want := append([]byte("re: "), request...); !bytes.Equal(reply, want[:min(len(want), MaxEnrol)]) || master != h.key.Fingerprint() {
			t.Errorf("reply %.20q of %v", reply, master)
		}
	}
	for _, request := range [][]byte{nil, make([]byte, MaxEnrol+1)} {
		if _, _, err := Enrol(t.Context(), h.addr, key, trust, request); err == nil {
			t.Errorf("a request of %d bytes was sent", len(request))
		}
	}
	if _, _, err := Enrol(t.Context(), h.addr, key, trust, []byte("go away")); err == nil {
		t.Error("a reply came from nowhere")
	}
	var wrong *identity.ErrWrongMaster
	if _, _, err := Enrol(t.Context(), h.addr, key, identity.Pin(key.Fingerprint()), []byte("x")); !errors.As(err, &wrong) {
		t.Errorf("another master: %v", err)
	}
	eventually(t, "the counters", func() bool {
		st := h.Stats()
		return st.Enrolments == 2 && st.Handshakes == 0 && st.Opened == 0 && st.Refused["enrol"] == 1 && st.Refused["tls"] == 1
	})
}

func TestEnrolDoorShut(t *testing.T) {
	h := newHouse(t, func(o *ServerOptions) {
		o.Admit = func(door string, _ identity.Fingerprint) error { return errNotKnown }
	})
	_, _, err := Enrol(t.Context(), h.addr, newKey(t), identity.Pin(h.key.Fingerprint()), []byte("x"))
	if !errors.Is(err, identity.ErrNotAdmitted) {
		t.Errorf("got %v", err)
	}
}

// What strangers send at the enrolment door reaches the handler only when it is one whole request.
func TestHostileEnrolment(t *testing.T) {
	asked := make(chan []byte, 10)
	h := newHouse(t, func(o *ServerOptions) {
		o.HandshakeTimeout = time.Second
		o.Enrol = func(_ identity.Fingerprint, _ string, request []byte) []byte {
			asked <- request
			return []byte("ok")
		}
	})
	size := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, sent := range map[string][]byte{
		"nothing":       nil,
		"empty":         size(0),
		"too large":     size(MaxEnrol + 1),
		"4 GiB":         size(1<<32 - 1),
		"less than all": append(size(100), "less"...),
		"ZMTP":          handshakeBytes(),
	} {
		t.Run(name, func(t *testing.T) {
			was, before := h.Stats().Refused["enrol"], runtime.NumGoroutine()
			raw := rawDial(t, h.addr)
			conn := tls.Client(raw, newKey(t).ClientTLS(identity.DoorEnrol, identity.Pin(h.key.Fingerprint())))
			write(conn, sent)
			eventually(t, "it to be refused", func() bool { return h.Stats().Refused["enrol"] == was+1 })
			_, _ = io.Copy(io.Discard, conn)
			raw.Close()
			eventually(t, "its goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
	if len(asked) != 0 {
		t.Errorf("the handler was asked %d times", len(asked))
	}
	// More than one request: the first is answered, the rest ignored.
	raw := rawDial(t, h.addr)
	conn := tls.Client(raw, newKey(t).ClientTLS(identity.DoorEnrol, identity.Pin(h.key.Fingerprint())))
	write(conn, append(append(size(2), "hi"...), make([]byte, 50<<10)...))
	if reply, err := readSized(conn); err != nil || string(reply) != "ok" {
		t.Errorf("reply %q, %v", reply, err)
	}
	h.serves()
}
