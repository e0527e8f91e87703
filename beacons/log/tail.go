package log

import (
	"errors"
	"io"
	"os"
	"time"
)

const (
	chunk = 256 << 10   // bytes read at once
	drain = time.Minute // that a file which was rotated away is read on after its last line
)

// tail is one open file that is read to its end, again and again.
type tail struct {
	f     *os.File
	pos   position
	buf   []byte    // read, and not told yet: it begins at pos.Offset
	grown time.Time // when something was read last
	old   bool      // it has been rotated away
}

// piece is what was taken from a tail in one go.
type piece struct {
	records []record
	at      int64 // where the bytes began
	next    position
	used    int
}

// read takes in what is there, at most a chunk, and cuts it. more says that there is more to be had at once. io.EOF: the file has been cut
// or written anew, and nothing was taken.
func (t *tail) read(c cutter, now time.Time, flush, end bool) (p piece, more bool, err error) {
	from := t.pos.Offset + int64(len(t.buf))
	room := make([]byte, chunk)
	n, err := t.f.ReadAt(room, from)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		return p, false, err
	}
	buf := append(t.buf[:len(t.buf):len(t.buf)], room[:n]...)
	more = n == chunk
	var skip bool
	p.at = t.pos.Offset
	p.records, p.used, skip = c.cut(buf, t.pos.Skip, flush && n == 0, end && !more)
	p.next = t.pos
	p.next.Offset, p.next.Skip = t.pos.Offset+int64(p.used), skip
	if p.used > 0 {
		if p.next.Print, err = fingerprint(t.f, p.next.Offset); err != nil {
			return p, false, err
		}
	}
	if n > 0 && !t.pos.holds(t.f, p.next.Offset) { // it was cut and written anew since it was looked at
		return p, false, io.EOF
	}
	if t.buf = buf; n > 0 {
		t.grown = now
	}
	return p, more, nil
}

// keep goes on to behind a piece, once what it holds has been kept.
func (t *tail) keep(p piece) {
	t.pos = p.next
	t.buf = append([]byte(nil), t.buf[p.used:]...)
}

// open begins at a place of a file.
func (t *tail) open(f *os.File, info os.FileInfo, offset int64) (err error) {
	t.f, t.buf = f, nil
	t.pos = position{Offset: offset}
	t.pos.Dev, t.pos.Ino = identity(info)
	t.pos.Print, err = fingerprint(f, offset)
	return err
}

func (t *tail) close() { _ = t.f.Close() }
