package file

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"brine/beacons"
)

// kind is the type of a file.
type kind uint8

const (
	absent kind = iota
	regular
	directory
	symlink
	fifo
	socket
	charDevice
	blockDevice
	unknown
)

var kindNames = [...]string{"absent", "file", "directory", "symlink", "fifo", "socket", "char", "block", "unknown"}

func (k kind) String() string { return kindNames[k] }

func (k kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

func (k *kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = kind(i)
			return nil
		}
	}
	return fmt.Errorf("unknown type %q", text)
}

func kindOf(mode uint32) kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return regular
	case unix.S_IFDIR:
		return directory
	case unix.S_IFLNK:
		return symlink
	case unix.S_IFIFO:
		return fifo
	case unix.S_IFSOCK:
		return socket
	case unix.S_IFCHR:
		return charDevice
	case unix.S_IFBLK:
		return blockDevice
	}
	return unknown
}

// sum is a SHA-256; all zero: none.
type sum [32]byte

func (s sum) MarshalText() ([]byte, error) {
	if s == (sum{}) {
		return nil, nil
	}
	return hex.AppendEncode(nil, s[:]), nil
}

func (s *sum) UnmarshalText(text []byte) error {
	if len(text) != 0 && len(text) != 2*len(s) {
		return fmt.Errorf("%d bytes are no SHA-256", len(text))
	}
	_, err := hex.Decode(s[:], text)
	return err
}

func (s sum) String() string { t, _ := s.MarshalText(); return string(t) }

// stamps tell cheaply that a file has not been touched: any change of content or attributes sets ctime.
type stamps struct {
	Ino   uint64 `json:"i"`
	Size  int64  `json:"s"`
	MTime int64  `json:"mt"` // ns since 1970
	CTime int64  `json:"ct"`
}

func stampsOf(st *unix.Stat_t) stamps {
	return stamps{Ino: st.Ino, Size: st.Size, MTime: st.Mtim.Nano(), CTime: st.Ctim.Nano()}
}

// record is what was seen of a file: the baseline. The zero record is that of a file that is not there.
type record struct {
	Kind   kind   `json:"t"`
	Mode   uint32 `json:"m"` // permission, setuid, setgid and sticky bits
	UID    uint32 `json:"u"`
	GID    uint32 `json:"g"`
	Sum    sum    `json:"h"`
	Target string `json:"to,omitempty"`
	Unread bool   `json:"unread,omitempty"` // the content could not be read
	// Racy: the file was touched so shortly before it was read that another change may have left the same stamps.
	Racy   bool   `json:"racy,omitempty"`
	Xattrs xattrs `json:"x,omitempty"`
	stamps
}

// recordJSON keeps the bytes of a link's target that are not UTF-8.
type recordJSON struct {
	record
	Target []byte `json:"to,omitempty"`
}

func (r record) encode() []byte {
	b, _ := json.Marshal(recordJSON{r, []byte(r.Target)}) // nothing in it can fail
	return b
}

func decodeRecord(b []byte) (record, error) {
	var r recordJSON
	err := json.Unmarshal(b, &r)
	r.record.Target = string(r.Target)
	return r.record, err
}

// untouched reports whether stamps alone prove that the file is still as recorded.
func (r record) untouched(s stamps) bool { return r.stamps == s && !r.Racy && r.Kind != absent }

// sameContent compares type and content. What could not be read is compared by size and modification time.
func (r record) sameContent(o record) bool {
	if r.Kind != o.Kind || r.Target != o.Target {
		return false
	}
	if r.Kind != regular && r.Kind != symlink {
		return true
	}
	if r.Unread || o.Unread {
		return r.Size == o.Size && r.MTime == o.MTime
	}
	return r.Sum == o.Sum
}

func (r record) sameAttributes(o record) bool {
	return r.Mode == o.Mode && r.UID == o.UID && r.GID == o.GID && r.Xattrs.same(o.Xattrs)
}

// change names what happened between two records; empty: nothing that counts.
func change(before, after record) string {
	switch {
	case before.Kind == absent && after.Kind == absent:
		return ""
	case before.Kind == absent:
		return Created
	case after.Kind == absent:
		return Removed
	case !before.sameContent(after):
		return Modified
	case !before.sameAttributes(after):
		return Attributes
	}
	return ""
}

// matches reports whether a file is what Brine said it would make of it.
func (r record) matches(e beacons.Expected) bool {
	if e.Absent || r.Kind == absent {
		return e.Absent && r.Kind == absent
	}
	if e.Mode.Type() == fs.ModeSymlink {
		return r.Kind == symlink && r.Target == e.Target
	}
	if e.SHA256 != "" && e.SHA256 != r.Sum.String() {
		return false
	}
	if e.Mode != 0 { // 0: not said
		if r.Kind != kindOfGo(e.Mode) || r.Mode != modeOfGo(e.Mode) {
			return false
		}
	}
	return (e.UID < 0 || uint32(e.UID) == r.UID) && (e.GID < 0 || uint32(e.GID) == r.GID)
}

func kindOfGo(m fs.FileMode) kind {
	switch m.Type() {
	case 0:
		return regular
	case fs.ModeDir:
		return directory
	case fs.ModeSymlink:
		return symlink
	}
	return unknown
}

func modeOfGo(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, unixBit := range map[fs.FileMode]uint32{fs.ModeSetuid: unix.S_ISUID, fs.ModeSetgid: unix.S_ISGID, fs.ModeSticky: unix.S_ISVTX} {
		if m&bit != 0 {
			mode |= unixBit
		}
	}
	return mode
}

// view is the record as events show it; nil for what is not there.
func (r record) view(o *owners) *Stat {
	if r.Kind == absent {
		return nil
	}
	s := &Stat{
		Type:   r.Kind.String(),
		Mode:   fmt.Sprintf("%04o", r.Mode),
		User:   o.user(r.UID),
		Group:  o.group(r.GID),
		SHA256: r.Sum.String(),
		Target: text(r.Target),
		Xattrs: r.Xattrs.String(),
	}
	if r.Kind == regular || r.Kind == symlink {
		s.Size = r.Size
	}
	return s
}
