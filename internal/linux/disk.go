package linux

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is one line of /proc/self/mountinfo, proc_pid_mountinfo(5).
type Mount struct {
	ID      int
	Device  string // major:minor
	Path    string // where it is mounted
	Type    string // ext4, xfs, tmpfs, ...
	Source  string // /dev/sda1
	Options string // of the mount: rw,relatime
}

// Mounts lists what is mounted. Of several on one path the last counts: it hides the others.
func (p Proc) Mounts() ([]Mount, error) {
	path := filepath.Join(p.path, "self/mountinfo")
	f, err := os.Open(path)
	if err != nil {
		return nil, absent(err)
	}
	defer f.Close()
	var list []Mount
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m, err := parseMount(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = slices.DeleteFunc(list, func(o Mount) bool { return o.Path == m.Path })
		list = append(list, m)
	}
	return list, lines.Err()
}

func parseMount(line string) (m Mount, err error) {
	before, after, ok := strings.Cut(line, " - ")
	f, rest := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 6 || len(rest) < 2 {
		return m, fmt.Errorf("%.80q is no mount", line)
	}
	m = Mount{Device: f[2], Path: unescapeMount(f[4]), Options: f[5], Type: rest[0], Source: unescapeMount(rest[1])}
	m.ID, err = strconv.Atoi(f[0])
	return m, err
}

// unescapeMount reads \040 and the like: a space, a tab, a newline, a backslash.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Space is what statfs(2) says of a file system.
type Space struct {
	Size, Free       int64 // bytes; Free is what is left to users, as df shows it
	Used             int64 // bytes
	Inodes, InodesIn int64 // how many there are, and in use; 0: this file system does not count them
}

// SpaceOf asks a mounted file system. It may hang where a server does not answer.
func SpaceOf(path string) (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return Space{}, fmt.Errorf("%s: %w", path, err)
	}
	unit := int64(st.Frsize)
	if unit == 0 {
		unit = int64(st.Bsize)
	}
	used := int64(st.Blocks-st.Bfree) * unit
	return Space{
		Size: used + int64(st.Bavail)*unit, Free: int64(st.Bavail) * unit, Used: used, // what is kept for root is nobody's
		Inodes: int64(st.Files), InodesIn: int64(st.Files - st.Ffree),
	}, nil
}
