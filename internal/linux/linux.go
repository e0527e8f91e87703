// Package linux reads what the kernel tells about a host below a root, so that tests can hand it files captured from other
// kernels. It parses and subtracts; it must never know a beacon, a threshold or an event.
package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/prometheus/procfs"
)

// Proc is a host's /proc.
type Proc struct {
	fs   procfs.FS
	path string
}

// ErrAbsent is returned when this kernel, or this machine, has nothing to read: no swap, no pressure information. It is nothing to complain of.
var ErrAbsent = errors.New("nothing to read here")

// OpenProc opens /proc below root.
func OpenProc(root string) (Proc, error) {
	path := filepath.Join(root, "proc")
	p, err := procfs.NewFS(path)
	if err = absent(err); errors.Is(err, ErrAbsent) && filepath.Clean(root) != "/" {
		return Proc{}, fmt.Errorf("%s: %w: below the minion's root, /proc has to be mounted, too", path, err)
	}
	if err != nil {
		return Proc{}, fmt.Errorf("%s: %w", path, err)
	}
	return Proc{p, path}, nil
}

// absent turns a missing file into ErrAbsent.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrAbsent
	}
	return err
}
