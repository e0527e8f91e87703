package file

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/hostfs"
	"brine/states"
)

// Bounds of extended attributes.
const (
	maxXattrs     = 64
	maxXattrName  = 255      // bytes: the kernel's own bound
	maxXattrValue = 64 << 10 // bytes: the kernel's own bound
)

// Xattrs are extended attributes by name: user.*, trusted.*, security.* or system.*. A value is a text, or as setfattr writes it 0x and hex or 0s
// and base64; null says that there must be none.
type Xattrs map[string]*string

// DecodeNode takes a map.
func (x *Xattrs) DecodeNode(n *config.Node) (faults config.Faults) {
	n, faults = n.Flatten()
	if len(faults) > 0 {
		return faults
	}
	if k := n.Kind(); k != config.Map && k != config.Null {
		return config.Faults{n.Fault("xattrs: want a map of names and values, not %s", k)}
	}
	*x = Xattrs{}
	for _, p := range n.Pairs() {
		switch p.Value.Kind() {
		case config.Null:
			(*x)[p.Key.Text()] = nil
		case config.Scalar:
			text := p.Value.Text()
			(*x)[p.Key.Text()] = &text
		default:
			faults = append(faults, p.Value.Fault("xattrs: a value must be a text or null, not %s", p.Value.Kind()))
		}
	}
	return faults
}

// SELinux is a label, whole or in parts; what is not said of it is left as it is.
type SELinux struct {
	User  string `yaml:"seuser" json:"seuser,omitempty"`
	Role  string `yaml:"serole" json:"serole,omitempty"`
	Type  string `yaml:"setype" json:"setype,omitempty"`
	Range string `yaml:"serange" json:"serange,omitempty"`
}

func (s *SELinux) validate() error {
	if s == nil {
		return nil
	}
	if *s == (SELinux{}) {
		return errors.New("selinux is empty: want seuser, serole, setype or serange")
	}
	for _, part := range []string{s.User, s.Role, s.Type} {
		if strings.ContainsAny(part, ": \x00\n") {
			return fmt.Errorf("selinux: %q: a user, a role or a type holds no colon and no space", part)
		}
	}
	if strings.ContainsAny(s.Range, " \x00\n") {
		return fmt.Errorf("selinux: %q: a range holds no space", s.Range)
	}
	return nil
}

// over is the whole label where now is what is there; user:role:type:range.
func (s SELinux) over(now string) (string, error) {
	parts := strings.SplitN(strings.TrimSuffix(now, "\x00"), ":", 4)
	for len(parts) < 4 {
		parts = append(parts, "")
	}
	for i, said := range []string{s.User, s.Role, s.Type, s.Range} {
		if said != "" {
			parts[i] = said
		}
	}
	for i, name := range []string{"seuser", "serole", "setype"} {
		if parts[i] == "" {
			return "", fmt.Errorf("selinux: there is no label yet, so that %s must be said", name)
		}
	}
	return strings.TrimSuffix(strings.Join(parts, ":"), ":"), nil
}

func (x Xattrs) validate() error {
	if len(x) > maxXattrs {
		return fmt.Errorf("xattrs: %d names; at most %d", len(x), maxXattrs)
	}
	for _, name := range slices.Sorted(maps.Keys(x)) {
		space, rest, _ := strings.Cut(name, ".")
		switch {
		case !slices.Contains([]string{"user", "trusted", "security", "system"}, space) || rest == "" || len(name) > maxXattrName || strings.ContainsRune(name, 0):
			return fmt.Errorf("xattrs: %q: want a name below user, trusted, security or system, such as user.origin", name)
		case name == hostfs.Label:
			return fmt.Errorf("xattrs: %q is what the argument selinux is for", name)
		}
		if _, err := xattrValue(x[name]); err != nil {
			return fmt.Errorf("xattrs: %s: %w", name, err)
		}
	}
	return nil
}

// xattrValue reads a value; nil: there must be none.
func xattrValue(s *string) (v []byte, err error) {
	switch {
	case s == nil:
		return nil, nil
	case strings.HasPrefix(*s, "0x"):
		v, err = hex.DecodeString((*s)[2:])
	case strings.HasPrefix(*s, "0s"):
		v, err = base64.StdEncoding.DecodeString((*s)[2:])
	default:
		v = []byte(*s)
	}
	if len(v) > maxXattrValue {
		err = fmt.Errorf("%d bytes; at most %d", len(v), maxXattrValue)
	}
	if v == nil {
		v = []byte{}
	}
	return v, err
}

// labelled is what extended attributes a path should have.
type labelled struct {
	xattrs Xattrs
	label  *SELinux
}

func (l labelled) said() bool { return len(l.xattrs) > 0 || l.label != nil }

// setting is one attribute that is to be set, or with a nil value taken off.
type setting struct {
	name  string
	value []byte
	was   string
}

// differ says which attributes of what stands under name, in an open folder, are to be set.
func (l labelled) differ(dir *hostfs.Dir, name string) (todo []setting, err error) {
	for _, attr := range slices.Sorted(maps.Keys(l.xattrs)) {
		want, _ := xattrValue(l.xattrs[attr]) // checked by validate
		now, ok, err := dir.Xattr(name, attr)
		if err != nil {
			return nil, err
		}
		if ok != (want != nil) || string(now) != string(want) {
			todo = append(todo, setting{attr, want, shownXattr(now, ok)})
		}
	}
	if l.label == nil {
		return todo, nil
	}
	now, ok, err := dir.Xattr(name, hostfs.Label)
	if err != nil {
		return nil, err
	}
	want, err := l.label.over(string(now))
	if err == nil && want != strings.TrimSuffix(string(now), "\x00") {
		todo = append(todo, setting{hostfs.Label, []byte(want + "\x00"), shownXattr(now, ok)})
	}
	return todo, err
}

// xattrPrefix begins the name of the aspect in a change.
const xattrPrefix = "xattr "

// maxShownXattr bounds what a change shows of a value, in bytes.
const maxShownXattr = 128

// shownXattr is a value for people: text where it is one, else hex.
func shownXattr(v []byte, ok bool) string {
	text := strings.TrimSuffix(string(v), "\x00")
	switch {
	case !ok:
		return "none"
	case len(v) > maxShownXattr:
		return fmt.Sprintf("0x%x...", v[:maxShownXattr/2])
	case strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) >= 0:
		return fmt.Sprintf("0x%x", v)
	}
	return text
}

// possible says why no label could be set on this host.
func (l labelled) possible(env states.Env) error {
	if l.label != nil && !hostfs.HasSELinux(env.Root) {
		return errors.New("selinux: the kernel of this host has no SELinux, or it is switched off, so that no label can be set")
	}
	return nil
}

// onto gives a draft what the path should have.
func (l labelled) onto(dir *hostfs.Dir, draft *hostfs.Draft) error {
	todo, err := l.differ(dir, path.Base(draft.Temp()))
	for _, s := range todo {
		if err := draft.SetXattr(s.name, s.value); err != nil {
			return err
		}
	}
	return err
}

// setXattrs does in place what is to be done.
func setXattrs(dir *hostfs.Dir, name string, now hostfs.Info, todo []setting) error {
	for _, s := range todo {
		if err := dir.SetXattr(name, now, s.name, s.value); err != nil {
			return err
		}
	}
	return nil
}

func xattrChanges(todo []setting) (changes states.Changes) {
	for _, s := range todo {
		changes = append(changes, states.Change{What: xattrPrefix + s.name, From: s.was, To: shownXattr(s.value, s.value != nil)})
	}
	return changes
}
