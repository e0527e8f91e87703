package file

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"brine/beacons"
)

// The values of Data.Change.
const (
	Created    = "created"
	Modified   = "modified"   // the content, the type or a link's target; perhaps mode and owner too
	Removed    = "removed"    // or renamed away
	Renamed    = "renamed"    // within one path, with renames: From is the name before
	Attributes = "attributes" // mode, user, group, ACL, label or another extended attribute, and nothing else
	Rescan     = "rescan"     // notes were lost, for Reason, and everything was compared
	Unwatched  = "unwatched"  // the kernel does not tell of this path, for Reason: it is only compared now and then
)

// Data is what the beacon's events carry.
type Data struct {
	Path   string `json:"path"`
	Change string `json:"change"`
	From   string `json:"from"`   // with renamed: the path before
	Before *Stat  `json:"before"` // null: was not there
	After  *Stat  `json:"after"`  // null: is not there
	Diff   string `json:"diff"`   // with the option diff: unified, of text; empty: none, no text, too long, or secret
	Actor  *Actor `json:"actor"`  // null: not known
	State  string `json:"state"`  // the managed state that covers the path; empty: none
	Reason string `json:"reason"` // with rescan and unwatched
}

// Stat is what was compared of a file.
type Stat struct {
	Type   string `json:"type"`   // file, directory, symlink, fifo, socket, char, block
	Size   int64  `json:"size"`   // bytes; 0 for what has no content
	Mode   string `json:"mode"`   // octal, with setuid, setgid and sticky bit: "0644"
	User   string `json:"user"`   // the number where /etc/passwd knows no name
	Group  string `json:"group"`  // the number where /etc/group knows no name
	SHA256 string `json:"sha256"` // hex; empty for what has no content or could not be read
	Target string `json:"target"` // of a symlink
	Xattrs string `json:"xattrs"` // hash of ACLs, SELinux label and all other extended attributes; empty: none, or not known
}

// Actor is who made the change.
type Actor = beacons.Actor

// text makes a file name fit for an event, which holds UTF-8 only: any other byte becomes \xNN.
func text(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, name[0])
		} else {
			b.WriteString(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}
