package file

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// xattrs stands for ACLs, SELinux label, capabilities and all other extended attributes of a file: a hash of their names and values.
type xattrs uint64

const (
	xattrsUnknown xattrs = 0
	xattrsNone    xattrs = 1
)

func (x xattrs) String() string {
	if x <= xattrsNone {
		return ""
	}
	return fmt.Sprintf("%016x", uint64(x))
}

// same takes what is not known for unchanged.
func (x xattrs) same(o xattrs) bool { return x == o || x == xattrsUnknown || o == xattrsUnknown }

// maxXattr bounds the list of names, and each value, in bytes: it is the kernel's own bound (XATTR_LIST_MAX, XATTR_SIZE_MAX).
const maxXattr = 64 << 10

// xattrs reads the extended attributes of a path; flags: O_NOFOLLOW, or 0 where the path is to be followed.
func (h *host) xattrs(path string, flags int) xattrs {
	fd, err := h.openFD(path, unix.O_PATH|flags)
	if err != nil {
		return xattrsUnknown
	}
	defer unix.Close(fd)
	self := fmt.Sprintf("/proc/self/fd/%d", fd) // O_PATH has no other way to them
	n, err := unix.Listxattr(self, nil)
	if err == unix.ENOTSUP || err == nil && n == 0 {
		return xattrsNone
	}
	if err != nil {
		return xattrsUnknown
	}
	list := make([]byte, maxXattr)
	if n, err = unix.Listxattr(self, list); err != nil {
		return xattrsUnknown
	}
	names := strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00")
	slices.Sort(names)
	return sumXattrs(names, func(name string) ([]byte, error) {
		n, err := unix.Getxattr(self, name, list)
		return list[:max(n, 0)], err
	})
}

func sumXattrs(names []string, get func(string) ([]byte, error)) xattrs {
	hash := fnv.New64a()
	var size [8]byte
	for _, name := range names {
		value, err := get(name)
		if err == unix.ENODATA { // removed meanwhile
			continue
		}
		if err != nil {
			return xattrsUnknown
		}
		for _, part := range [][]byte{[]byte(name), value} {
			binary.LittleEndian.PutUint64(size[:], uint64(len(part)))
			_, _ = hash.Write(size[:])
			_, _ = hash.Write(part)
		}
	}
	return xattrs(max(hash.Sum64(), 2))
}
