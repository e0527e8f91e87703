package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// writers says whether somebody has a file open for writing.
type writers uint8

const (
	nobody  writers = iota
	some            // or has a shared writable mapping of it
	cantAsk         // not our file, or no leases on this file system
)

// askWriters asks the kernel for a read lease, which it grants only while nobody has the file open for writing, and gives it back.
func askWriters(fd uintptr) writers {
	_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case err == nil:
		_, _ = unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
		return nobody
	case errors.Is(err, unix.EAGAIN):
		return some
	}
	return cantAsk
}

// racyWindow is how long after a change another one may leave the same stamps: the tick of the kernel's coarse clock
// is 10 ms at most.
const racyWindow = int64(20 * time.Millisecond)

// coarseNow is the clock that stamps files, in ns since 1970.
func coarseNow() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &ts); err != nil {
		return time.Now().UnixNano()
	}
	return ts.Nano()
}

// sight is one look at a path.
type sight struct {
	record
	writers writers // of a regular file that was opened
	torn    bool    // it was replaced while it was looked at: the record means nothing
	moving  bool    // it changed after it was read
	big     bool    // the content is too large to be read now; Sum is not set
	text    []byte  // with gaze.keep, what was read, if it may be told
}

// gaze says how to look.
type gaze struct {
	patient bool   // content that somebody is writing is not read
	follow  bool   // of a link, what it leads to is observed, and the link's target kept with it
	keep    bool   // text is wanted
	known   digest // a sum read before, for the stamps it was read under
}

// bigFile is the size in bytes from which on content is read beside the loop, so that other files do not wait for it.
const bigFile = 16 << 20

// observe looks at a path. old is what was seen last: with the same stamps nothing is opened.
func (h *host) observe(ctx context.Context, path string, old record, g gaze) (sight, error) {
	st, err := h.stat(path, false)
	if err != nil {
		if notThere(err) {
			return sight{}, nil
		}
		return sight{}, err
	}
	s := sight{record: recordOf(&st)}
	flags := unix.O_NOFOLLOW
	if s.Kind == symlink {
		if s.Target, err = h.readlink(path); err != nil {
			return sight{torn: true}, nil
		}
		to, err := h.stat(path, true)
		if !g.follow || err != nil || to.Mode&unix.S_IFMT != unix.S_IFREG {
			return s, nil
		}
		target := s.Target
		st, flags = to, 0
		s.record = recordOf(&to)
		s.Kind, s.Target = symlink, target
	}
	if isFile := st.Mode&unix.S_IFMT == unix.S_IFREG; isFile && old.untouched(s.stamps) && old.Target == s.Target {
		s.record = old
		return s, nil
	} else if s.Xattrs = h.xattrs(path, flags); !isFile {
		return s, nil
	}
	return h.content(ctx, path, flags, s, g)
}

func recordOf(st *unix.Stat_t) record {
	return record{Kind: kindOf(st.Mode), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, stamps: stampsOf(st)}
}

// content opens a regular file and adds what is in it.
func (h *host) content(ctx context.Context, path string, flags int, s sight, g gaze) (sight, error) {
	f, err := h.open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|flags)
	switch {
	case err == nil:
	case notThere(err), errors.Is(err, unix.ELOOP):
		s.torn = true
		return s, nil
	default: // not ours to read
		s.Unread, s.writers = true, cantAsk
		return s, nil
	}
	defer f.Close()
	before, err := fstat(f)
	if err != nil || before.Mode&unix.S_IFMT != unix.S_IFREG || before.Ino != s.Ino {
		s.torn = true
		return s, nil
	}
	if s.writers = askWriters(f.Fd()); s.writers == some && g.patient {
		return s, nil
	}
	if known := g.known; known.Ino == s.Ino && (known.stamps == s.stamps || !g.patient) {
		s.moving = known.stamps != s.stamps
		s.Sum, s.Racy, s.Unread, s.stamps = known.sum, known.racy, known.unread, known.stamps
		return s, nil
	}
	if before.Size >= bigFile {
		s.big = true
		return s, nil
	}
	var text *bytes.Buffer
	if g.keep && before.Size <= MaxDiffInput {
		text = bytes.NewBuffer(make([]byte, 0, before.Size))
	}
	d := read(ctx, f, &before, text)
	s.Sum, s.Racy, s.Unread = d.sum, d.racy, d.unread
	if text != nil && !d.unread && ctx.Err() == nil {
		s.text = asText(text.Bytes())
	}
	after, err := fstat(f)
	s.moving = err != nil || stampsOf(&after) != s.stamps || ctx.Err() != nil
	return s, nil
}

// digest is content that was read, and the stamps before.
type digest struct {
	stamps
	sum    sum
	racy   bool
	unread bool
}

// readStep is how much is hashed between two looks at the context, in bytes.
const readStep = 1 << 20

// read hashes a file, no further than its size when st was taken; text, if given, takes the content.
func read(ctx context.Context, f *os.File, st *unix.Stat_t, text *bytes.Buffer) digest {
	d := digest{stamps: stampsOf(st)}
	d.racy = d.CTime >= coarseNow()-racyWindow
	hash := sha256.New()
	to := io.Writer(hash)
	if text != nil {
		to = io.MultiWriter(hash, text)
	}
	for left := st.Size; left > 0 && ctx.Err() == nil; left -= readStep {
		n, err := io.CopyN(to, f, min(left, readStep))
		if err != nil && err != io.EOF {
			d.unread = true
			return d
		}
		if n == 0 {
			break
		}
	}
	hash.Sum(d.sum[:0])
	return d
}

func fstat(f *os.File) (st unix.Stat_t, err error) {
	err = ignoringEINTR(func() error { return unix.Fstat(int(f.Fd()), &st) })
	return st, err
}
