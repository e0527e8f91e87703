package login

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"brine/internal/linux"
)

// Bounds of what is read.
const (
	maxCatchUp = 4096 // records that are read of what was written during a stop; older ones are passed over
	batch      = 128  // records in one transaction
)

// place is how far a file was read: a baseline.
type place struct {
	Inode  uint64 `json:"inode"`
	Offset int64  `json:"offset"` // bytes
}

// follower reads the records that are appended to a file, over its rotation.
type follower struct {
	path string
	at   place
	ever bool     // there is a place: else what is there already is none of ours
	old  *os.File // the file that was read last: what was still written to it after it was renamed is not lost
}

// recall takes over where the file was left at the last stop.
func (f *follower) recall(kept []byte) {
	f.ever = json.Unmarshal(kept, &f.at) == nil
}

func (f *follower) close() {
	if f.old != nil {
		f.old.Close()
		f.old = nil
	}
}

// next reads some records, and gives the place behind them and how many were passed over. At the end it gives none. The place is taken over with
// keep, once what was read is told.
func (f *follower) next() (list []linux.LoginRecord, behind place, missed int64, err error) {
	current, inode, size, err := open(f.path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, f.at, 0, nil
	}
	if err != nil {
		return nil, f.at, 0, err
	}
	record := int64(linux.LoginRecordSize())
	if !f.ever {
		f.close()
		f.old = current
		return nil, place{inode, size - size%record}, 0, nil
	}
	if inode != f.at.Inode {
		old := f.previous()
		if list, behind, missed, err = f.read(old, f.at); len(list) > 0 || err != nil {
			current.Close()
			return list, behind, missed, err
		}
		f.at = place{Inode: inode}
	}
	f.close()
	f.old = current
	at := f.at
	if size < at.Offset { // emptied
		at.Offset = 0
	}
	return f.read(current, at)
}

// previous is the file that was read last: still open, or found under the name that logrotate gives it.
func (f *follower) previous() *os.File {
	if f.old != nil {
		return f.old
	}
	if file, inode, _, err := open(f.path + ".1"); err == nil {
		if f.old = file; inode == f.at.Inode {
			return file
		}
	}
	return nil
}

func (f *follower) read(file *os.File, at place) (list []linux.LoginRecord, behind place, missed int64, err error) {
	if file == nil {
		return nil, at, 0, nil
	}
	info, err := file.Stat()
	if err != nil {
		return nil, at, 0, err
	}
	record := int64(linux.LoginRecordSize())
	if n := (info.Size() - at.Offset) / record; n > maxCatchUp {
		missed = n - maxCatchUp
		at.Offset += missed * record
	}
	buf := make([]byte, batch*record)
	n, err := file.ReadAt(buf, at.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, at, 0, err
	}
	for buf = buf[:n]; int64(len(buf)) >= record; buf = buf[record:] { // a record that is half written waits for its rest
		r, _ := linux.ParseLogin(buf)
		list = append(list, r)
		at.Offset += record
	}
	return list, at, missed, nil
}

// open opens a regular file.
func open(path string) (f *os.File, inode uint64, size int64, err error) {
	f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, 0, 0, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return f, inode, info.Size(), nil
}
