package user

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"brine/beacons"
)

const (
	passwd     = "/etc/passwd"
	shadow     = "/etc/shadow"
	groups     = "/etc/group"
	settle     = 200 * time.Millisecond // useradd writes one file after the other
	maxMembers = 256                    // that an event lists
)

type beacon struct {
	config *Config
	env    beacons.Env
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) error {
	return b.env.WhenChanged(ctx, fire, []string{passwd, shadow, groups}, settle, b.look)
}

// look compares the accounts and groups that are there with those that were. A file that is missing or empty is about to be written.
func (b *beacon) look(context.Context) (signals []beacons.Signal, err error) {
	var accounts map[string]account
	if _, err := b.read(passwd, func(r io.Reader) (err error) { accounts, err = parsePasswd(r); return err }); err != nil {
		return nil, err
	}
	if len(accounts) > 0 {
		if _, err := b.read(shadow, func(r io.Reader) error { return parseShadow(r, accounts) }); err != nil {
			return nil, err
		}
		more, err := differences(b, "user/", accounts, b.config.Users, b.account)
		if err != nil {
			return nil, err
		}
		signals = more
	}
	var list map[string]group
	if _, err := b.read(groups, func(r io.Reader) (err error) { list, err = parseGroup(r); return err }); err != nil || len(list) == 0 {
		return signals, err
	}
	more, err := differences(b, "group/", list, b.config.Groups, b.group)
	return append(signals, more...), err
}

// read hands a file to a parser, where there is one that may be read.
func (b *beacon) read(path string, parse func(io.Reader) error) (read bool, err error) {
	f, err := os.Open(b.env.Path(path))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	return true, parse(f)
}

// differences gives the signals of what differs from the baselines. tell gets nil for what is not there.
func differences[T any](b *beacon, prefix string, list map[string]T, meant []string, tell func(name string, was, is *T) []Data) ([]beacons.Signal, error) {
	is := make(map[string][]byte, len(list))
	for name, one := range list { // those too that are not meant: when the options change they are not new
		is[name], _ = json.Marshal(one) // numbers and texts
	}
	return b.env.Differences(prefix, is, func(name string, was, is []byte) (signals []beacons.Signal) {
		if !beacons.Means(meant, name) {
			return nil
		}
		read := func(text []byte) *T {
			one := new(T)
			if text == nil || json.Unmarshal(text, one) != nil {
				return nil
			}
			return one
		}
		for _, d := range tell(name, read(was), read(is)) {
			d.Seen = b.env.Now().UTC()
			signals = append(signals, beacons.Signal{Tag: d.Kind + "/" + d.Change, Data: d})
		}
		return signals
	})
}

// account tells what became of an account.
func (b *beacon) account(name string, was, is *account) (list []Data) {
	data := func(change string, a *account) Data {
		return Data{Kind: "user", Change: change, User: name, UID: &a.UID, GID: &a.GID, Comment: a.Comment, Home: a.Home, Shell: a.Shell, Password: a.Password, Aged: a.Aged}
	}
	switch {
	case is == nil && was == nil:
		return nil
	case is == nil:
		return []Data{data(Removed, was)}
	case was == nil:
		list = []Data{data(Added, is)}
	default:
		if fields := is.differ(*was); len(fields) > 0 {
			d := data(Changed, is)
			d.Fields = fields
			list = []Data{d}
		}
	}
	if is.UID == 0 && (was == nil || was.UID != 0) {
		list = append(list, data(Superuser, is))
	}
	return list
}

// group tells what became of a group, and of who is in it.
func (b *beacon) group(name string, was, is *group) (list []Data) {
	data := func(change, user string, g *group) Data {
		return Data{Kind: "group", Change: change, User: user, Group: name, GID: &g.GID, Members: g.Members[:min(len(g.Members), maxMembers)]}
	}
	var before, after []string
	of := is
	if was != nil {
		before = was.Members
	}
	switch {
	case is == nil && was == nil:
		return nil
	case is == nil:
		of, list = was, []Data{data(Removed, "", was)}
	case was == nil:
		after, list = is.Members, []Data{data(Added, "", is)}
	default:
		after = is.Members
		if was.GID != is.GID {
			d := data(Changed, "", is)
			d.Fields = []Field{{"gid", strconv.FormatInt(was.GID, 10), strconv.FormatInt(is.GID, 10)}}
			list = []Data{d}
		}
	}
	for _, user := range after {
		if !slices.Contains(before, user) {
			list = append(list, data(Joined, user, of))
		}
	}
	for _, user := range before {
		if !slices.Contains(after, user) {
			list = append(list, data(Left, user, of))
		}
	}
	return list
}
