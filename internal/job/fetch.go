package job

import "time"

// MaxFetch bounds the content that state.fetch gives, in bytes: sealed and as text it has to fit an event.
const MaxFetch = 180 << 10

// Fetch is what state.fetch is asked for.
type Fetch struct {
	Path   string   `json:"path"`
	Hash   string   `json:"hash,omitempty"`   // SHA-256 in hex, or its beginning: this content of it
	Wanted []string `json:"wanted,omitempty"` // hashes of what the source says: a file that holds one of them has not drifted
	Secret bool     `json:"secret,omitempty"` // what holds a secret is given too
	Key    string   `json:"key"`              // of package sealed: for whom the content is sealed
}

// Fetched is what state.fetch returns.
type Fetched struct {
	Path   string    `json:"path"`
	From   string    `json:"from"` // FromDisk or FromKept
	SHA256 string    `json:"sha256"`
	Size   int64     `json:"size"` // bytes
	Mode   string    `json:"mode"`
	UID    int       `json:"uid"`
	GID    int       `json:"gid"`
	When   time.Time `json:"when,omitzero"` // it was pushed aside, where it comes from the quarantine
	Sealed string    `json:"sealed"`        // the content, for the owner of the key; about it is the path
}

// Where a fetched content was found.
const (
	FromDisk = "disk" // it is what stands at the path now
	FromKept = "kept" // it was pushed aside, and is kept in the quarantine
)
