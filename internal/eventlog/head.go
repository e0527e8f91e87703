package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// headFile is a file beside the store that holds the last position committed. The store below takes damage at the end
// of its write-ahead log for the place where a crash cut it off, and comes up without what was behind: only somebody
// who kept count elsewhere can tell.
//
// It is written after each commit was synced, so it never claims too much, but synced itself only once in a segment and
// at Close, so that a commit costs one sync. A lost tail is therefore noticed always when the machine kept running, and
// after a loss of power as far as the kernel had written the file back, which is some 30 seconds behind at most.
//
// Its content is one block that a disk writes as a whole: magic, version, position, CRC-32C.
type headFile struct {
	f      vfs.File
	synced uint64 // segment that last was synced
}

const (
	headName    = "HEAD"
	headMagic   = "brinelog"
	headVersion = 1
	headSize    = len(headMagic) + 1 + 8 + 4
)

// errNoHead is returned for a file that is new and empty.
var errNoHead = errors.New("there is none")

// openHead opens or creates the file and reads the position. An error of kind errNoHead or ErrDamaged comes with a
// file that can be used.
func openHead(fsys vfs.FS, dir string) (*headFile, uint64, error) {
	name := fsys.PathJoin(dir, headName)
	f, err := fsys.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, 0, err
	}
	h := &headFile{f: f}
	var b [headSize]byte
	n, err := f.ReadAt(b[:], 0)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return h, 0, &DamagedError{What: "file " + name, Why: "it cannot be read", Err: err}
	case n == 0:
		return h, 0, errNoHead
	case n < headSize || string(b[:8]) != headMagic || binary.BigEndian.Uint32(b[17:]) != checksum(nil, b[:17]):
		return h, 0, &DamagedError{What: "file " + name, Why: "its checksum is wrong"}
	case b[8] != headVersion:
		return h, 0, &DamagedError{What: "file " + name, Why: fmt.Sprintf("written by a later version of brine: version %d, known is %d", b[8], headVersion)}
	}
	return h, binary.BigEndian.Uint64(b[9:]), nil
}

// set writes the position down; sync says whether it must be on disk when it returns.
func (h *headFile) set(last uint64, sync bool) error {
	var b [headSize]byte
	copy(b[:], headMagic)
	b[8] = headVersion
	binary.BigEndian.PutUint64(b[9:], last)
	binary.BigEndian.PutUint32(b[17:], checksum(nil, b[:17]))
	if _, err := h.f.WriteAt(b[:], 0); err != nil {
		return err
	}
	if seg := segmentOf(last); sync || seg != h.synced {
		h.synced = seg
		return h.f.Sync()
	}
	return nil
}

func (h *headFile) close() error {
	err := h.f.Close()
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
