package job

import "time"

// Undo is what state.undo and state.kept are asked for: the data of their jobs.
type Undo struct {
	Of   []string `json:"of,omitempty"`   // paths, ids of states or their whole names (module.function: name); none is all
	JID  string   `json:"jid,omitempty"`  // only what this job pushed aside
	Hash string   `json:"hash,omitempty"` // SHA-256 in hex, or its beginning: only this content
}

// MinHash is how many letters of a hash name a content.
const MinHash = 6

// Undone is what state.undo returns beside the result of each path.
type Undone struct {
	Paused  []string `json:"paused,omitempty"`  // enforced states (module.function: name) that are left as they are until they are applied again
	Resumed []string `json:"resumed,omitempty"` // those that are as they were applied, and are enforced again
}

// KeptList is what state.kept returns: what the minion's quarantine holds, the newest first.
type KeptList struct {
	Kept    []Kept `json:"kept"`
	More    int    `json:"more,omitempty"`    // older ones, for which the answer had no room
	Dropped uint64 `json:"dropped,omitempty"` // pushed out by newer ones since the minion started
}

// Kept is one thing that Brine pushed aside on a minion and keeps there.
type Kept struct {
	Path   string    `json:"path"`
	What   string    `json:"what"`             // file, symlink, attributes (owner and mode only), absent (nothing was there)
	SHA256 string    `json:"sha256,omitempty"` // of the content, or of where the link points
	Size   int64     `json:"size"`             // bytes
	Mode   string    `json:"mode,omitempty"`
	UID    int       `json:"uid"`
	GID    int       `json:"gid"`
	Link   string    `json:"link,omitempty"`
	Xattrs []string  `json:"xattrs,omitempty"` // names; an ACL is one
	When   time.Time `json:"when"`             // it was pushed aside, by the minion's clock
	Fun    string    `json:"fun,omitempty"`    // of the job that did it; empty: the minion by itself, because the state is enforced
	JID    string    `json:"jid,omitempty"`
	State  string    `json:"state,omitempty"` // module.function: name
	ID     string    `json:"id,omitempty"`    // of the state in its SLS
	SLS    string    `json:"sls,omitempty"`
	Cause  string    `json:"cause,omitempty"`  // the event that it answers
	New    string    `json:"new,omitempty"`    // what took its place: the hash of the content, absent, or the mode
	Unseen bool      `json:"unseen,omitempty"` // it came between the look and the write
}
