package file

import (
	"bufio"
	"bytes"
	"io"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxOwners bounds what is read of /etc/passwd and of /etc/group, in bytes.
const maxOwners = 16 << 20

// owners knows the names of users and groups, from the files below the root. Names from elsewhere (LDAP) are not asked for: that
// could take seconds, or for ever.
type owners struct {
	host          *host
	users, groups names
}

type names struct {
	read bool
	at   stamps
	byID map[uint32]string
}

func (o *owners) user(id uint32) string  { return o.name(&o.users, "/etc/passwd", id) }
func (o *owners) group(id uint32) string { return o.name(&o.groups, "/etc/group", id) }

func (o *owners) name(n *names, file string, id uint32) string {
	var at stamps
	if st, err := o.host.stat(file, true); err == nil {
		at = stampsOf(&st)
	}
	if !n.read || at != n.at {
		n.read, n.at, n.byID = true, at, map[uint32]string{}
		if f, err := o.host.open(file, unix.O_RDONLY|unix.O_NONBLOCK); err == nil {
			n.byID = parseOwners(io.LimitReader(f, maxOwners))
			f.Close()
		}
	}
	if name, ok := n.byID[id]; ok {
		return text(name)
	}
	return strconv.FormatUint(uint64(id), 10)
}

// parseOwners reads passwd(5) or group(5): name, password, number. The first name of a number counts.
func parseOwners(r io.Reader) map[uint32]string {
	m := map[uint32]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := bytes.SplitN(lines.Bytes(), []byte(":"), 4)
		if len(f) < 3 || len(f[0]) == 0 {
			continue
		}
		id, err := strconv.ParseUint(string(f[2]), 10, 32)
		if _, had := m[uint32(id)]; err == nil && !had {
			m[uint32(id)] = string(f[0])
		}
	}
	return m
}
