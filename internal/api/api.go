// Package api is what the daemons say over their unix sockets, as plain types, and the Go client that asks. HTTP 1.1, JSON,
// keys in snake_case, times in RFC 3339 with nanoseconds. It must never know a role or a store: who uses the client links neither.
package api

import (
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/job"
)

// The sockets of daemons that are configured by default.
const (
	MasterSocket = "/run/brine/master.sock"
	MinionSocket = "/run/brine/minion.sock"
)

// Bounds of the API.
const (
	MaxBody    = 1 << 20 // bytes of a request
	MaxAnswer  = 64 << 20
	MaxWho     = 10_000 // keys in one act
	MaxLimit   = 1 << 20
	DefaultTTL = 24 * time.Hour // of a job that does not say how long it is worth something
	MaxTTL     = 366 * 24 * time.Hour
)

// Status is how a master is: GET /v1/status.
type Status struct {
	Version     string               `json:"version"`
	Fingerprint identity.Fingerprint `json:"fingerprint"`
	Listen      []string             `json:"listen"`
	First       uint64               `json:"first"` // position of the first event held
	Last        uint64               `json:"last"`
	Rules       int                  `json:"rules"`
	RuleFaults  string               `json:"rule_faults,omitempty"`
	NoSpace     string               `json:"no_space,omitempty"` // why nothing is taken in
}

// MinionStatus is how a minion is: GET /v1/status on its own socket.
type MinionStatus struct {
	ID          string               `json:"id"`
	Version     string               `json:"version"`
	Key         identity.Fingerprint `json:"key"`
	Master      []string             `json:"master"` // addresses, in the order they are tried
	Connected   bool                 `json:"connected"`
	Incarnation string               `json:"incarnation"`
	Unsent      uint64               `json:"unsent"` // events that the master has not acknowledged
	DeadLetters int                  `json:"dead_letters"`
}

// Fire asks for an event: POST /v1/events.
type Fire struct {
	Tag  string     `json:"tag"`
	Data event.Data `json:"data,omitempty"`
}

// Fired answers Fire.
type Fired struct {
	ID  event.ID `json:"id"`
	Pos uint64   `json:"pos,omitempty"` // in the master's log; 0 on a minion, which sends the event on
}

// Who names keys by id or fingerprint: POST /v1/keys/accept, reject, delete. The answer is the records that changed.
type Who struct {
	Who []string `json:"who"`
}

// NewToken asks for a join token: POST /v1/tokens.
type NewToken struct {
	ID      string   `json:"id,omitempty"` // the only minion it is for
	TTL     Duration `json:"ttl"`
	Replace bool     `json:"replace,omitempty"` // it may replace the key that is accepted for ID
}

// TokenMade answers NewToken. Text is shown this once and kept nowhere.
type TokenMade struct {
	Text  string         `json:"text"`
	Token identity.Token `json:"token"`
}

// Minion is an accepted minion: GET /v1/minions.
type Minion struct {
	ID       string            `json:"id"`
	Online   bool              `json:"online"`
	Since    time.Time         `json:"since"` // when it came or went; when its key was accepted if it never came
	Remote   string            `json:"remote,omitempty"`
	Version  string            `json:"version,omitempty"`
	Inc      event.Incarnation `json:"incarnation"` // zero: it never came
	OffsetNS int64             `json:"clock_offset_ns"`
	Grains   event.Data        `json:"grains,omitempty"`
}

// Submit asks minions to do something: POST /v1/jobs.
type Submit struct {
	Fun     string   `json:"fun"`
	Args    job.Args `json:"args"`
	Tgt     string   `json:"tgt"`
	TgtType string   `json:"tgt_type,omitempty"` // glob when empty
	TTL     Duration `json:"ttl"`                // DefaultTTL when zero
}

// Submitted answers Submit.
type Submitted struct {
	JID     string   `json:"jid"`
	Targets []string `json:"targets"`
	Offline []string `json:"offline,omitempty"` // of the targets: the job waits for them
	Unknown []string `json:"unknown,omitempty"` // ids of a list that no accepted minion has
	From    uint64   `json:"from"`              // all events of the job stand at this position or later
}

// Rules are the rules in force: GET /v1/rules.
type Rules struct {
	Rules  []Rule `json:"rules"`
	Faults string `json:"faults,omitempty"` // of the files as last read; then Rules are the last good set
}

// Rule describes one rule.
type Rule struct {
	Name        string   `json:"name"`
	File        string   `json:"file"`
	Line        int      `json:"line"`
	Description string   `json:"description,omitempty"`
	On          []string `json:"on"`
	When        string   `json:"when,omitempty"`
	From        []string `json:"from,omitempty"`
	Throttle    string   `json:"throttle,omitempty"`
	Do          []string `json:"do"`
	OnFailure   []string `json:"on_failure,omitempty"` // steps for when one of do fails
	Own         bool     `json:"own,omitempty"`
	MaxRate     string   `json:"max_rate,omitempty"` // where the rule says one
	Mode        string   `json:"mode,omitempty"`     // shadow, or empty
}

// Duration is a length of time that stands in JSON as people write it: 30s, 5m, 7d.
type Duration time.Duration

// MarshalText is the opposite of UnmarshalText.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads numbers with units; see config.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := config.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
