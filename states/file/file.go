// Package file holds the states of files, folders and links: what they contain, whose they are, whether they exist. One function
// has one file here. It owns what "as wanted" means for a file; how files are touched safely is internal/hostfs's business, and
// jobs, requisites and events it must never know.
package file

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"strings"

	"brine/internal/config"
	"brine/internal/hostfs"
	"brine/states"
)

//go:embed sample.sls
var sample string

// Module declares the states of files.
func Module() states.Module {
	return states.Module{
		Name:   "file",
		Sample: sample,
		Functions: map[string]func() states.State{
			"managed":   func() states.State { return new(Managed) },
			"absent":    func() states.State { return new(Absent) },
			"directory": func() states.State { return new(Directory) },
			"symlink":   func() states.State { return new(Symlink) },
			"recurse":   func() states.State { return new(Recurse) },
		},
	}
}

// maxContents bounds contents that stand in the SLS itself, in bytes: they travel within the job.
const maxContents = 128 << 10

// Text is a file's content as written in an SLS: a text, or a list of lines.
type Text string

// DecodeNode takes a text as it is, and joins a list with newlines.
func (t *Text) DecodeNode(n *config.Node) config.Faults {
	switch n.Kind() {
	case config.Null:
		*t = ""
	case config.Scalar:
		*t = Text(n.Text())
	case config.List:
		var b strings.Builder
		for _, line := range n.Items() {
			if k := line.Kind(); k != config.Scalar && k != config.Null {
				return config.Faults{line.Fault("contents: a line must be a text, not %s", k)}
			}
			b.WriteString(line.Text() + "\n")
		}
		*t = Text(b.String())
	default:
		return config.Faults{n.Fault("contents: want a text or a list of lines, not %s", n.Kind())}
	}
	return nil
}

// bytes is what the file will hold: as in Salt, the last line is always ended.
func (t Text) bytes() []byte {
	if t == "" || strings.HasSuffix(string(t), "\n") {
		return []byte(t)
	}
	return []byte(t + "\n")
}

// seen is what stood at a path when it was looked at.
type seen struct {
	hostfs.Info
	exists bool
}

// text names what was seen, for Change.From.
func (s seen) text() string {
	if !s.exists {
		return "absent"
	}
	return s.Kind()
}

// parseMode reads mode text such as 0644 or 4755. The empty text is ok = false: not said.
func parseMode(s string) (mode fs.FileMode, ok bool, err error) {
	if s == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o7777 || len(s) < 3 {
		return 0, false, fmt.Errorf("mode %q: want an octal number of three or four digits, such as '0644'", s)
	}
	return hostfs.Perm(uint32(n)), true, nil
}

// userID and groupID find the number of a name on this host; -1 when none is said. A number stands for itself.
func userID(name string) (int, error) {
	return lookup("user", name, func() (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
}

func groupID(name string) (int, error) {
	return lookup("group", name, func() (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
}

// maxID is one below the number that chown takes for "leave it".
const maxID = 1<<32 - 2

func lookup(kind, name string, find func() (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil && n <= maxID {
		return int(n), nil
	}
	var noUser user.UnknownUserError
	var noGroup user.UnknownGroupError
	id, err := find()
	switch {
	case errors.As(err, &noUser), errors.As(err, &noGroup):
		return -1, fmt.Errorf("%s %q: there is none of this name on this host", kind, name)
	case err != nil:
		return -1, fmt.Errorf("%s %q: %w", kind, name, err)
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		return -1, fmt.Errorf("%s %q has the id %q, which is no number", kind, name, id)
	}
	return n, nil
}

// userName and groupName are the opposite, for what people read; a number without a name stays a number.
func userName(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return u.Username
	}
	return strconv.Itoa(id)
}

func groupName(id int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(id)); err == nil {
		return g.Name
	}
	return strconv.Itoa(id)
}
