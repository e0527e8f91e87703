package job

import "brine/internal/event"

// LowState is what the master compiled for one minion: every state in the order to run, with nothing left to look up.
type LowState struct {
	Hash   string   `json:"hash"`   // SHA-256, hex, of the encoded States: equal work has equal hashes
	States []Low    `json:"states"` // in the order to run
	Source []string `json:"source"` // the SLS it was compiled from
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
}

// Content is a file's content, named by what it is. It travels in chunks, and only when the minion lacks it.
type Content struct {
	Hash string `json:"hash"` // SHA-256, hex
	Size int64  `json:"size"` // bytes
}

// Key names the state in messages and in the results, as Salt does in short: file.managed: /etc/motd.
func (l Low) Key() string { return l.Fun + ": " + l.Name }
