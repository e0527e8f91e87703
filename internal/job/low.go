package job

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"

	"brine/internal/event"
)

// LowState is what the master compiled for one minion: every state in the order to run, with nothing left to look up.
type LowState struct {
	Hash   string   `json:"hash"`            // HashStates: equal work has equal hashes
	States []Low    `json:"states"`          // in the order to run
	Source []string `json:"source"`          // the SLS it was compiled from
	Whole  bool     `json:"whole,omitempty"` // the highstate: what is not in it is not wanted any more
}

// Low is one state, ready to run.
type Low struct {
	ID      string     `json:"id"`      // the id in the SLS file
	SLS     string     `json:"sls"`     // the SLS that declares it
	Fun     string     `json:"fun"`     // module.function, such as file.managed
	Name    string     `json:"name"`    // what it is about; the id unless the SLS says otherwise
	Args    event.Data `json:"args"`    // CBOR of the module's struct for the function, checked by the master
	Require []int      `json:"require"` // indices of the states that must have succeeded before; all smaller than its own
	Content []Content  `json:"content"` // what Args names by hash
	Enforce Enforce    `json:"enforce,omitempty"`
}

// Enforce says what becomes of a state that drifts after it was applied.
type Enforce string

// The ways to enforce.
const (
	EnforceNot  Enforce = ""
	EnforceTrue Enforce = "true" // it is watched and put back
	EnforceWarn Enforce = "warn" // it is watched, and a drift is told
)

// Content is a file's content, named by what it is. It travels in chunks, and only when the minion lacks it.
type Content struct {
	Hash string `json:"hash"` // SHA-256, hex
	Size int64  `json:"size"` // bytes
}

// Key names the state in messages and in the results, as Salt does in short: file.managed: /etc/motd.
func (l Low) Key() string { return l.Fun + ": " + l.Name }

// HashStates is the Hash of a low state: SHA-256, hex, of every field of every state, each text preceded by its length, each list
// by its count.
func HashStates(states []Low) string {
	h := sha256.New()
	var num [binary.MaxVarintLen64]byte
	count := func(n int64) { h.Write(num[:binary.PutVarint(num[:], n)]) }
	text := func(s string) {
		count(int64(len(s)))
		io.WriteString(h, s)
	}
	count(int64(len(states)))
	for _, l := range states {
		text(l.ID)
		text(l.SLS)
		text(l.Fun)
		text(l.Name)
		text(string(l.Args))
		count(int64(len(l.Require)))
		for _, i := range l.Require {
			count(int64(i))
		}
		count(int64(len(l.Content)))
		for _, c := range l.Content {
			text(c.Hash)
			count(c.Size)
		}
		if l.Enforce != EnforceNot {
			text(string(l.Enforce))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
