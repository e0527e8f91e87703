package apiserver

import (
	"bufio"
	"encoding/json"
	"net/http"
	"time"
)

// flushTimeout is how long a client may take to read what is flushed to it: one that is slower is cut off, and goes on
// where it was when it asks again.
const flushTimeout = 30 * time.Second

// streamBuffer is what is collected before it goes out by itself, in bytes.
const streamBuffer = 64 << 10

// Stream writes JSON values, one a line.
type Stream struct {
	rc  *http.ResponseController
	buf *bufio.Writer
	enc *json.Encoder
}

// NewStream begins an answer that is a stream.
func NewStream(w http.ResponseWriter) *Stream {
	w.Header().Set("Content-Type", "application/x-ndjson")
	s := &Stream{rc: http.NewResponseController(w)}
	s.buf = bufio.NewWriterSize(deadlined{w, s.rc}, streamBuffer)
	s.enc = json.NewEncoder(s.buf)
	_ = s.rc.SetReadDeadline(time.Time{}) // the request has been read; what remains to be noticed is that the client goes
	return s
}

// Write adds a line. An error means that the client is gone or too slow.
func (s *Stream) Write(v any) error { return s.enc.Encode(v) }

// Flush sends what was written.
func (s *Stream) Flush() error {
	if err := s.buf.Flush(); err != nil {
		return err
	}
	return s.rc.Flush()
}

// deadlined gives each write the time that it may take.
type deadlined struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (d deadlined) Write(b []byte) (int, error) {
	_ = d.rc.SetWriteDeadline(time.Now().Add(flushTimeout)) // a socket has deadlines
	return d.w.Write(b)
}
