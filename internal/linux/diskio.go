package linux

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// DiskIO are the counters of a block device since boot, /proc/diskstats; see Documentation/admin-guide/iostats.rst.
type DiskIO struct {
	Reads, Writes         uint64        // requests completed
	ReadBytes, WriteBytes uint64        //
	Waited                time.Duration // of all requests together, from when they were asked for
	Busy                  time.Duration // with a request under way
}

const sectorBytes = 512 // of this file, whatever the device's own are

// DiskIO reads the counters of all block devices, by name.
func (p Proc) DiskIO() (map[string]DiskIO, error) {
	path := filepath.Join(p.path, "diskstats")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, absent(err))
	}
	defer f.Close()
	out := map[string]DiskIO{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, io, err := parseDiskIO(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out[name] = io
	}
	return out, lines.Err()
}

// parseDiskIO reads a line: major, minor, name, and then reads, reads merged, sectors read, ms reading, writes, writes merged, sectors
// written, ms writing, under way, ms busy, ...
func parseDiskIO(line string) (name string, io DiskIO, err error) {
	f := strings.Fields(line)
	const need = 13
	if len(f) < need {
		return "", io, fmt.Errorf("%d fields in %.60q, want %d", len(f), line, need)
	}
	var n [need]uint64
	for i := 3; i < need; i++ {
		if n[i], err = strconv.ParseUint(f[i], 10, 64); err != nil {
			return "", io, err
		}
	}
	return f[2], DiskIO{
		Reads: n[3], ReadBytes: n[5] * sectorBytes, Writes: n[7], WriteBytes: n[9] * sectorBytes,
		Waited: time.Duration(n[6]+n[10]) * time.Millisecond, Busy: time.Duration(n[12]) * time.Millisecond,
	}, nil
}
