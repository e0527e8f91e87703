package bus

import (
	"net"
	"time"
)

// writeChunk is how much one write deadline covers, in bytes: a slow line may be slow, as long as it moves.
const writeChunk = 64 << 10

// timed gives a connection its deadlines. Reading and writing may be in different goroutines.
type timed struct {
	net.Conn
	dead  time.Duration // zero: no read deadline of ours
	write time.Duration // zero: no write deadline of ours
	// fresh says that a frame, or a good part of one, was completed since the read deadline was set. Only then is it set anew:
	// a peer that gives single bytes gains no time, and a peer that sends much costs one call a read, not one a frame.
	fresh bool
}

func (t *timed) Read(p []byte) (int, error) {
	if t.fresh && t.dead > 0 {
		t.fresh = false
		if err := t.Conn.SetReadDeadline(time.Now().Add(t.dead)); err != nil {
			return 0, err
		}
	}
	return t.Conn.Read(p)
}

func (t *timed) Write(p []byte) (int, error) {
	if t.write == 0 {
		return t.Conn.Write(p)
	}
	written := 0
	for {
		if err := t.Conn.SetWriteDeadline(time.Now().Add(t.write)); err != nil {
			return written, err
		}
		n, err := t.Conn.Write(p[:min(len(p), writeChunk)])
		written += n
		p = p[n:]
		if err != nil || len(p) == 0 {
			return written, err
		}
	}
}
