package file

import (
	"fmt"
	"io/fs"
	"os"

	"brine/internal/hostfs"
	"brine/states"
)

// attr is an owner and a mode, as far as they are said.
type attr struct {
	uid, gid int // -1: not said
	mode     fs.FileMode
	modeSaid bool
}

// lookupAttr finds the numbers of the names, and reads the mode.
func lookupAttr(user, group, mode string) (a attr, err error) {
	if a.mode, a.modeSaid, err = parseMode(mode); err != nil {
		return a, err
	}
	if a.uid, err = userID(user); err != nil {
		return a, err
	}
	a.gid, err = groupID(group)
	return a, err
}

// result is what a path will be, with nothing left open.
type result struct {
	uid, gid int
	mode     fs.FileMode // type and permission bits
}

// over fills in what is not said: from what is there, when it is of the same type, or as something new has it. What belongs to a
// symlink says nothing about the file that replaces it.
func (a attr) over(now seen, typ, fresh fs.FileMode) result {
	r := result{mode: fresh}
	r.uid, r.gid = ownIDs()
	if now.exists && now.Mode.Type() == typ {
		r.uid, r.gid, r.mode = now.UID, now.GID, now.Mode&^fs.ModeType
	}
	if a.uid >= 0 {
		r.uid = a.uid
	}
	if a.gid >= 0 {
		r.gid = a.gid
	}
	if a.modeSaid {
		r.mode = a.mode
	}
	r.mode |= typ
	return r
}

// compare says how the owner and the mode of what is there differ from what is said.
func (a attr) compare(now hostfs.Info) (changes states.Changes) {
	if a.uid >= 0 && now.UID != a.uid {
		changes = append(changes, states.Change{What: "user", From: userName(now.UID), To: userName(a.uid)})
	}
	if a.gid >= 0 && now.GID != a.gid {
		changes = append(changes, states.Change{What: "group", From: groupName(now.GID), To: groupName(a.gid)})
	}
	if from := now.Mode &^ fs.ModeType; a.modeSaid && from != a.mode {
		changes = append(changes, states.Change{What: "mode", From: hostfs.Octal(from), To: hostfs.Octal(a.mode)})
	}
	return changes
}

// said reports whether anything is.
func (a attr) said() bool { return a.uid >= 0 || a.gid >= 0 || a.modeSaid }

func (r result) expected(hash string) states.Expected {
	return states.Expected{SHA256: hash, Mode: r.mode, UID: r.uid, GID: r.gid}
}

// ownIDs are what something new belongs to.
func ownIDs() (uid, gid int) { return os.Geteuid(), os.Getegid() }

// is reads a switch that may be left out.
func is(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

// checkModes says which of several mode arguments is wrong; they come as name and value in turns.
func checkModes(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		switch _, _, err := parseMode(pairs[i+1]); {
		case err != nil && pairs[i] != "mode":
			return fmt.Errorf("%s: %w", pairs[i], err)
		case err != nil:
			return err
		}
	}
	return nil
}

// keptOnMinion is the one place for backups: the minion's quarantine.
const keptOnMinion = "minion"

func checkBackup(backup string) error {
	switch backup {
	case "", "false", keptOnMinion:
		return nil
	}
	return fmt.Errorf("backup %q: want 'minion', which keeps what was there in the minion's quarantine", backup)
}

// replaced tells the engine what was replaced or removed as Check had seen it.
func replaced(env states.Env, target, path string, must bool) error {
	if env.Replaced == nil {
		if must {
			return fmt.Errorf("%q: there is nowhere to keep what was there", target)
		}
		return nil
	}
	return env.Replaced(target, path, must)
}

// adjusted tells the engine what was there before a change that pushes nothing aside.
func adjusted(env states.Env, target string, was seen) {
	switch {
	case env.Adjusted == nil:
	case !was.exists:
		env.Adjusted(target, goneForGood)
	default:
		env.Adjusted(target, states.Expected{SHA256: was.SHA256, Mode: was.Mode, UID: was.UID, GID: was.GID})
	}
}

// allowed asks whether this host lets a state touch a path beside its own name.
func allowed(env states.Env, fun, name string) error {
	if env.Allowed == nil {
		return fmt.Errorf("%s on %q: this host allows nothing beside the state's own name", fun, name)
	}
	return env.Allowed(fun, name)
}
