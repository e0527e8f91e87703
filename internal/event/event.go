package event

import "time"

// Event is one thing that happened, as the master's log keeps it.
type Event struct {
	ID       ID
	Pos      uint64    // position in the master's log, from 1; zero before the master has taken it in
	Time     time.Time // when it was observed, by the sender's clock
	Received time.Time // when the master took it in; never decreases along the log
	Tag      string    // see tag.go
	Minion   string    // who sent it, from the session; empty for the master's own
	By       string    // the operator who fired it, if one did
	Causes   []ID      // the events that led to it
	Depth    uint8     // length of the longest chain of causes behind it
	Own      bool      // Brine's own correction made the change; rules pass over it unless they ask
	Data     Data      // decoded only when somebody looks
}

// MaxDepth is the longest chain of causes that rules still react to. (G7)
const MaxDepth = 8

// MaxCauses bounds the causes of one event.
const MaxCauses = 16

// MaxData bounds the data of one event, in bytes of CBOR. A larger one is refused where it is made.
const MaxData = 256 << 10

// MaxTag bounds a tag, in bytes.
const MaxTag = 1024
