package converge

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"brine/internal/hostfs"
	"brine/internal/job"
	"brine/states"
)

// maxReplaced bounds what is kept of a file that a state replaces without having been told to keep it, in bytes.
const maxReplaced = 16 << 20

// replaced keeps what a state replaces on purpose, so that an operator can have it back. Only with must does it matter to the
// state whether that was possible.
func (a *attempt) replaced(target, path string, must bool) error {
	if a.Quarantine == nil {
		if must {
			return errors.New("this minion keeps no quarantine")
		}
		return nil
	}
	size := int64(maxReplaced)
	if must {
		size = a.Quarantine.maxBytes
	}
	kept, err := a.Quarantine.KeepReplaced(a.Root, target, path, size, must, a.why(target))
	switch {
	case errors.Is(err, errNothingToKeep):
		return nil
	case err != nil && must:
		return err
	case err != nil:
		a.Log.Warn("what was replaced is not kept", "path", target, "error", err)
	case must:
		a.note(fmt.Sprintf("what stood at %s is kept as %s", target, kept.SHA256))
	}
	return nil
}

// allowed asks this minion's configuration about what a state does beside its own name.
func (a *attempt) allowed(fun, name string) error {
	if a.Allow == nil {
		return nil
	}
	if strings.HasPrefix(name, "/") {
		name = path.Clean(name)
	}
	return a.Allow.PermitsState(job.Low{Fun: fun, Name: name})
}

// cameToPass reports whether a path stands as it was announced.
func (a *attempt) cameToPass(e states.Expected, p string) bool {
	dir, name, err := hostfs.Parent(a.Root, p, false)
	if err != nil {
		return false // it may well be absent, but a beacon will hardly tell of that anew
	}
	defer dir.Close()
	i, err := dir.Look(a.ctx, name, e.SHA256 != "")
	if err != nil {
		return e.Absent
	}
	return !e.Absent && i.Mode == e.Mode && (e.SHA256 == "" || e.SHA256 == i.SHA256) &&
		(e.UID < 0 || e.UID == i.UID) && (e.GID < 0 || e.GID == i.GID)
}
