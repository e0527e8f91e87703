package converge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"brine/internal/hostfs"
	"brine/internal/job"
	"brine/states"
)

// Kept describes what stood at a path before Brine changed it. It stands as JSON beside the content.
type Kept struct {
	Target     string            `json:"target"` // where it stood
	SHA256     string            `json:"sha256"` // of its content; of a symlink, of where it pointed
	Size       int64             `json:"size"`   // bytes
	Mode       fs.FileMode       `json:"mode"`
	UID        int               `json:"uid"`
	GID        int               `json:"gid"`
	Xattrs     map[string][]byte `json:"xattrs,omitempty"` // user.*, the ACL and the SELinux label of a file
	When       time.Time         `json:"when"`
	Link       string            `json:"link,omitempty"`       // where it pointed, of a symlink
	Replaced   bool              `json:"replaced,omitempty"`   // a state meant to replace it; otherwise it came in between
	Attributes bool              `json:"attributes,omitempty"` // only owner and mode were changed, in place: no content is kept
	Absent     bool              `json:"absent,omitempty"`     // nothing stood there: Brine made it
	Why
}

// Why says what pushed something aside.
type Why struct {
	Run   string           `json:"run,omitempty"`   // the same for all that one run pushed aside: the jid, where there is one
	JID   string           `json:"jid,omitempty"`   // of the job; empty where the minion acted by itself
	Fun   string           `json:"fun,omitempty"`   // of the job
	Cause string           `json:"cause,omitempty"` // id of the event that the run answers
	State string           `json:"state,omitempty"` // module.function: name
	ID    string           `json:"id,omitempty"`    // the state's id in the SLS
	SLS   string           `json:"sls,omitempty"`
	New   *states.Expected `json:"new,omitempty"` // what took its place
}

// file is the name of the description: one for each target that has held the content.
func (k Kept) file() string {
	of := k.Target
	switch {
	case k.Attributes:
		of += "\x00attributes"
	case k.Absent:
		of += "\x00absent"
	}
	sum := sha256.Sum256([]byte(of))
	return k.SHA256 + "-" + hex.EncodeToString(sum[:8]) + ".json"
}

// same reports whether both have one description.
func (k *Kept) same(other *Kept) bool {
	return k.Target == other.Target && k.SHA256 == other.SHA256 && k.Attributes == other.Attributes && k.Absent == other.Absent
}

// isNote reports whether no content belongs to it.
func (k *Kept) isNote() bool { return k.Attributes || k.Absent }

// What names in a word what stood there: file, symlink, attributes, absent.
func (k Kept) What() string {
	switch {
	case k.Attributes:
		return "attributes"
	case k.Absent:
		return "absent"
	case k.Mode.Type() == fs.ModeSymlink:
		return "symlink"
	}
	return "file"
}

// Covers reports whether the state of this id, or this whole name (module.function: name), pushed it aside.
func (w Why) Covers(state string) bool { return state != "" && (w.ID == state || w.State == state) }

// group is the same for all that was pushed aside in one go.
func (k Kept) group() string {
	if k.Run != "" {
		return k.Run
	}
	return k.file() // kept by a version that did not note it
}

type jobKey struct{}

type jobName struct{ jid, fun string }

// WithJob says, to the runs below ctx, for which job they are made.
func WithJob(ctx context.Context, jid, fun string) context.Context {
	return context.WithValue(ctx, jobKey{}, jobName{jid, fun})
}

func jobOf(ctx context.Context) jobName {
	j, _ := ctx.Value(jobKey{}).(jobName)
	return j
}

// runName is the jid, or where there is no job a name of its own.
func runName(j jobName, now time.Time) string {
	if j.jid != "" {
		return j.jid
	}
	return fmt.Sprintf("run-%x", now.UnixNano())
}

// why is what the quarantine is told of what this state pushes aside.
func (a *attempt) why(target string) Why {
	w := Why{Run: a.name, JID: a.job.jid, Fun: a.job.fun, Cause: a.cause.String(), State: a.low.Key(), ID: a.low.ID, SLS: a.low.SLS}
	for i := len(a.written) - 1; i >= 0; i-- {
		if a.written[i].path == target {
			w.New = &a.written[i].e
			break
		}
	}
	return w
}

// adjusted notes the owner and the mode that a state is about to change in place, or that it is about to make what was not there.
func (a *attempt) adjusted(target string, was states.Expected) {
	if a.Quarantine == nil {
		return
	}
	k := Kept{Target: target, SHA256: was.SHA256, Mode: was.Mode, UID: was.UID, GID: was.GID, Replaced: true,
		Attributes: !was.Absent, Absent: was.Absent, Why: a.why(target)}
	if err := a.Quarantine.Note(k); err != nil {
		a.Log.Warn("what was there before is not kept", "path", target, "error", err)
	}
}

// Told is the description as others are told of it.
func (k Kept) Told() job.Kept {
	t := job.Kept{Path: k.Target, What: k.What(), SHA256: k.SHA256, Size: k.Size, UID: k.UID, GID: k.GID, Link: k.Link, When: k.When,
		Fun: k.Fun, JID: k.JID, State: k.State, ID: k.ID, SLS: k.SLS, Cause: k.Cause, Unseen: !k.Replaced,
		Xattrs: slices.Sorted(maps.Keys(k.Xattrs))}
	if k.Absent {
		t.SHA256 = ""
	} else if k.Link == "" {
		t.Mode = hostfs.Octal(k.Mode &^ fs.ModeType)
	}
	switch n := k.New; {
	case n == nil:
	case n.Absent:
		t.New = "absent"
	case n.Target != "":
		t.New = "symlink to " + n.Target
	case k.Attributes:
		t.New = fmt.Sprintf("mode %s, uid %d, gid %d", hostfs.Octal(n.Mode&^fs.ModeType), n.UID, n.GID)
	default:
		t.New = sumText(n.SHA256)
	}
	return t
}
