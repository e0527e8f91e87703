// Package wire holds the messages between minion and master and their encoding. It is bytes and values only: it
// must never know a connection, a store or a role. SPEC.md beside this file describes every message byte by byte.
package wire

import (
	"time"

	"brine/internal/event"
	"brine/internal/job"
)

// Proto is the protocol this build speaks, and MinProto the floor below which it never goes.
const (
	Proto    = 1
	MinProto = 1
)

// Limits of every message. A message is one frame.
const (
	MaxFrame      = 1 << 20   // bytes of a message, type byte included
	MaxBatch      = 1024      // events in one Events message
	MaxBatchBytes = 512 << 10 // bytes of events after which a sender closes the batch
	MaxChunk      = 256 << 10 // bytes of content in one Chunk
	MaxReason     = 1024      // bytes of a text that gives a reason
	MaxRejected   = MaxBatch  // rejections in one Ack
)

// Message is one of the types below, always by pointer.
type Message interface{ Type() Type }

// Type is the first byte of a message.
type Type byte

// The types. Odd ones go up, from minion to master; even ones down. Type zero is no message: an empty frame is the
// bus's heartbeat.
const (
	TypeHello    Type = 0x01 // up, first
	TypeEvents   Type = 0x03 // up
	TypeTaken    Type = 0x05 // up
	TypeGet      Type = 0x07 // up
	TypeWelcome  Type = 0x02 // down, first
	TypeAck      Type = 0x04 // down
	TypeJob      Type = 0x06 // down
	TypeCancel   Type = 0x08 // down
	TypeChunk    Type = 0x0a // down
	TypeBye      Type = 0x0c // down, last
	TypeSettings Type = 0x0e // down
)

// Hello opens a session.
type Hello struct {
	MinProto uint8             `cbor:"1,keyasint"`
	MaxProto uint8             `cbor:"2,keyasint"`
	ID       string            `cbor:"3,keyasint"` // must be the id that the session's key is accepted for
	Inc      event.Incarnation `cbor:"4,keyasint"`
	First    uint64            `cbor:"5,keyasint"` // sequence of the first event still held; Next when none is
	Next     uint64            `cbor:"6,keyasint"` // sequence the next event made will have
	Acked    uint64            `cbor:"7,keyasint"` // the last sequence acknowledged in this incarnation; 0 for none
	Now      int64             `cbor:"8,keyasint"` // the minion's clock, Unix nanoseconds
	Version  string            `cbor:"9,keyasint,omitempty"`
	Grains   event.Data        `cbor:"10,keyasint,omitempty"` // a map
}

// Welcome answers Hello.
type Welcome struct {
	Proto     uint8  `cbor:"1,keyasint"`
	HighWater uint64 `cbor:"2,keyasint"` // the highest sequence the master has of this incarnation; 0 for none
	Sum       uint64 `cbor:"3,keyasint"` // Sum of that event, so that a restored or cloned minion notices
	Now       int64  `cbor:"4,keyasint"` // the master's clock, Unix nanoseconds
}

// Events carries events in sequence without a hole, the first of them First.
type Events struct {
	First  uint64     `cbor:"1,keyasint"`
	Events []RawEvent `cbor:"2,keyasint"`
}

// RawEvent is one encoded Event. It is kept as it came, from the minion's disk to the master's.
type RawEvent []byte

// Event is an event as its sender makes it. Its id is (sender, incarnation, Seq).
type Event struct {
	Seq    uint64     `cbor:"1,keyasint"`
	Time   int64      `cbor:"2,keyasint"` // Unix nanoseconds
	Tag    string     `cbor:"3,keyasint"`
	By     string     `cbor:"4,keyasint,omitempty"`
	Causes []event.ID `cbor:"5,keyasint,omitempty"` // as text
	Depth  uint8      `cbor:"6,keyasint,omitempty"`
	Own    bool       `cbor:"7,keyasint,omitempty"`
	Data   event.Data `cbor:"8,keyasint,omitempty"` // a byte string that holds one CBOR item
}

// Ack says that everything up to UpTo is durable on the master, but for what is rejected.
type Ack struct {
	UpTo     uint64      `cbor:"1,keyasint"`
	Rejected []Rejection `cbor:"2,keyasint,omitempty"`
}

// Rejection is one event that the master will never take. It holds up nothing.
type Rejection struct {
	Seq    uint64 `cbor:"1,keyasint"`
	Reason string `cbor:"2,keyasint"`
}

// Job asks a minion to act. It is sent again until Taken, or the result, has come.
type Job struct {
	JID       string        `cbor:"1,keyasint"`
	Attempt   int           `cbor:"2,keyasint"`
	Fun       string        `cbor:"3,keyasint"`
	Test      bool          `cbor:"4,keyasint,omitempty"`
	Remaining time.Duration `cbor:"5,keyasint"` // until the deadline, by the master's clock, nanoseconds
	Rule      string        `cbor:"6,keyasint,omitempty"`
	Cause     event.ID      `cbor:"7,keyasint"` // the event brine/job/<jid>/new: the cause of all that comes of it
	Depth     uint8         `cbor:"8,keyasint"` // of the events that come of it
	Low       *job.LowState `cbor:"9,keyasint,omitempty"`
	Args      event.Data    `cbor:"10,keyasint,omitempty"` // of a function other than state.apply: a map
}

// Taken says that the minion has the job: queued, running or done.
type Taken struct {
	JID     string `cbor:"1,keyasint"`
	Attempt int    `cbor:"2,keyasint"`
}

// Cancel withdraws a job that has not been started.
type Cancel struct {
	JID string `cbor:"1,keyasint"`
}

// NotNamed is the error of a Chunk whose content no job of the session names: after a session broke, not yet.
const NotNamed = "no job of this session names this content"

// Get asks for a piece of content.
type Get struct {
	Hash   string `cbor:"1,keyasint"` // SHA-256, hex
	Offset int64  `cbor:"2,keyasint"`
}

// Chunk answers Get with at most MaxChunk bytes from Offset on.
type Chunk struct {
	Hash   string `cbor:"1,keyasint"`
	Offset int64  `cbor:"2,keyasint"`
	Size   int64  `cbor:"3,keyasint"` // of the whole content
	Data   []byte `cbor:"4,keyasint,omitempty"`
	Error  string `cbor:"5,keyasint,omitempty"` // why it cannot be had; then nothing else counts
}

// Bye says why the master ends the session.
type Bye struct {
	Reason string `cbor:"1,keyasint"`
	Hint   string `cbor:"2,keyasint,omitempty"`
}

// Settings is what the master wants in force on this minion under one name, until it says otherwise: it replaces what came under
// that name before. The minion keeps it over a restart.
type Settings struct {
	Name string     `cbor:"1,keyasint"`
	Hash string     `cbor:"2,keyasint"`           // SHA-256 of Data, hex: what is in force already is left alone
	Data event.Data `cbor:"3,keyasint,omitempty"` // a map; none takes the name back
}

func (*Hello) Type() Type    { return TypeHello }
func (*Events) Type() Type   { return TypeEvents }
func (*Taken) Type() Type    { return TypeTaken }
func (*Get) Type() Type      { return TypeGet }
func (*Welcome) Type() Type  { return TypeWelcome }
func (*Ack) Type() Type      { return TypeAck }
func (*Job) Type() Type      { return TypeJob }
func (*Cancel) Type() Type   { return TypeCancel }
func (*Chunk) Type() Type    { return TypeChunk }
func (*Bye) Type() Type      { return TypeBye }
func (*Settings) Type() Type { return TypeSettings }
