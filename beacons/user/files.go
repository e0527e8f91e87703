package user

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is read.
const (
	maxEntries = 50_000  // of each file
	maxLine    = 1 << 20 // bytes; a longer one ends the file
	maxText    = 256     // bytes of one field
)

// account is one of passwd, with what shadow says of its password.
type account struct {
	UID      int64  `json:"uid"`
	GID      int64  `json:"gid"`
	Comment  string `json:"comment,omitempty"`
	Home     string `json:"home,omitempty"`
	Shell    string `json:"shell,omitempty"`
	Password string `json:"password,omitempty"`
	Aged     string `json:"aged,omitempty"`
}

// group is one of group.
type group struct {
	GID     int64    `json:"gid"`
	Members []string `json:"members,omitempty"` // in order
}

// entries calls f for each line of a file such as passwd(5) that has so many fields at least; the first of a name counts.
func entries(r io.Reader, fields int, f func(name string, fields []string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	had := map[string]bool{}
	for lines.Scan() {
		text := strings.Split(lines.Text(), ":")
		name := clean(text[0])
		if len(text) < fields || name == "" || strings.ContainsAny(name[:1], "#+-") || had[name] || len(had) >= maxEntries {
			continue
		}
		had[name] = true
		f(name, text)
	}
	return lines.Err()
}

// clean makes a text fit to be told.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s), "?")
}

// parsePasswd reads passwd(5).
func parsePasswd(r io.Reader) (map[string]account, error) {
	list := map[string]account{}
	err := entries(r, 7, func(name string, f []string) {
		uid, err1 := strconv.ParseUint(f[2], 10, 32)
		gid, err2 := strconv.ParseUint(f[3], 10, 32)
		if err1 != nil || err2 != nil {
			return
		}
		a := account{UID: int64(uid), GID: int64(gid), Comment: clean(f[4]), Home: clean(f[5]), Shell: clean(f[6])}
		if f[1] == "" {
			a.Password = "none" // not even shadow is asked
		}
		list[name] = a
	})
	return list, err
}

// parseShadow adds what shadow(5) says: whether there is a password, and the day of its last change. The hash itself goes nowhere.
func parseShadow(r io.Reader, list map[string]account) error {
	return entries(r, 3, func(name string, f []string) {
		a, ok := list[name]
		if !ok || a.Password != "" {
			return
		}
		switch {
		case f[1] == "":
			a.Password = "none"
		case strings.ContainsAny(f[1][:1], "!*"):
			a.Password = "locked"
		default:
			a.Password = "set"
		}
		const most = 1e6 // days: some 2,700 years
		if days, err := strconv.ParseUint(f[2], 10, 32); err == nil && days < most {
			a.Aged = time.Unix(int64(days)*24*60*60, 0).UTC().Format(time.DateOnly)
		}
		list[name] = a
	})
}

// parseGroup reads group(5).
func parseGroup(r io.Reader) (map[string]group, error) {
	list := map[string]group{}
	err := entries(r, 4, func(name string, f []string) {
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			return
		}
		g := group{GID: int64(gid)}
		for m := range strings.SplitSeq(f[3], ",") {
			if m = clean(strings.TrimSpace(m)); m != "" {
				g.Members = append(g.Members, m)
			}
		}
		slices.Sort(g.Members)
		g.Members = slices.Compact(g.Members)
		list[name] = g
	})
	return list, err
}

// differ lists what is another.
func (a account) differ(was account) (list []Field) {
	field := func(name, was, is string) {
		if was != is {
			list = append(list, Field{name, was, is})
		}
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	field("uid", number(was.UID), number(a.UID))
	field("gid", number(was.GID), number(a.GID))
	field("comment", was.Comment, a.Comment)
	field("home", was.Home, a.Home)
	field("shell", was.Shell, a.Shell)
	if cmp.Or(was.Password, was.Aged) != "" && cmp.Or(a.Password, a.Aged) != "" { // else shadow could not be read, or now can
		field("password", was.Password, a.Password)
		field("aged", was.Aged, a.Aged)
	}
	return list
}
