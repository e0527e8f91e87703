package log

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"syscall"
)

// printed is how many bytes, at the beginning of a file and before the place that was read up to, tell it from another.
const printed = 1024

// position is where somebody stands in a file, kept over a restart.
type position struct {
	Dev    uint64 `json:"dev"`
	Ino    uint64 `json:"ino"`
	Offset int64  `json:"offset"` // everything before has been told
	Print  string `json:"print"`  // hash of the bytes at the beginning and before Offset
	Skip   bool   `json:"skip"`   // Offset is within a line that has been told as far as it goes
}

// openRegular opens what is a regular file, and never waits for one that is not.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: path, Err: syscall.EINVAL}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func identity(info os.FileInfo) (dev, ino uint64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev), st.Ino
	}
	return 0, 0
}

// fingerprint is the hash that stands in a position at offset.
func fingerprint(f io.ReaderAt, offset int64) (string, error) {
	n := min(offset, printed)
	buf := make([]byte, 2*n)
	if _, err := f.ReadAt(buf[:n], 0); err != nil && n > 0 {
		return "", err
	}
	if _, err := f.ReadAt(buf[n:], offset-n); err != nil && n > 0 {
		return "", err
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:8]), nil
}

// holds reports whether a file is the one of the position: up to there it has not been written anew.
func (p position) holds(f *os.File, size int64) bool {
	if size < p.Offset {
		return false
	}
	print, err := fingerprint(f, p.Offset)
	return err == nil && print == p.Print
}
