package eventlog

import (
	"errors"
	"fmt"
)

// What a caller tells apart with errors.Is.
var (
	// ErrNotFound is returned for what the log never held, or does not hold yet.
	ErrNotFound = errors.New("not in the log")
	// ErrRetained is returned for a position that the log held and has removed since, by age or size.
	ErrRetained = errors.New("no longer in the log: removed by retention")
	// ErrDamaged matches every *DamagedError.
	ErrDamaged = errors.New("damaged")
	// ErrNoSpace is returned by Commit while the file system has less room than Options.MinFree. Nothing was written;
	// the same batch may be committed again later. Retain and Close still work.
	ErrNoSpace = errors.New("the file system of the event log is nearly full")
	// ErrBroken is returned by Commit after a write has failed: what is on disk is known only after opening again.
	ErrBroken = errors.New("the event log takes no more writes until it is opened again")
	// ErrClosed is returned by everything after Close.
	ErrClosed = errors.New("the event log is closed")
	// ErrLocked is returned by Open while another Log, here or in another process, has the folder open.
	ErrLocked = errors.New("the event log is in use")
	// ErrMore is returned by Effects beside the first MaxEffects positions when there are more.
	ErrMore = errors.New("there are more")
)

// DamagedError says what of the log cannot be read, or is not what was written. Everything else still can be.
type DamagedError struct {
	First, Last uint64 // the positions affected, both included; zero when it is no event
	What        string // the kind of record and its key, when it is no event
	Why         string
	Err         error // of the store below, or nil
}

func (d *DamagedError) Error() string {
	what := d.What
	switch {
	case what != "":
	case d.First == d.Last:
		what = fmt.Sprintf("event at position %d", d.First)
	default:
		what = fmt.Sprintf("events at positions %d to %d", d.First, d.Last)
	}
	if d.Err != nil {
		return fmt.Sprintf("%s: damaged: %s: %v", what, d.Why, d.Err)
	}
	return fmt.Sprintf("%s: damaged: %s", what, d.Why)
}

// Is makes errors.Is(err, ErrDamaged) true.
func (d *DamagedError) Is(target error) bool { return target == ErrDamaged }

func (d *DamagedError) Unwrap() error { return d.Err }

// recovered turns a panic of the store below, as bytes that were damaged in a clever way may cause, into an error.
// It is for reading only: a panic while writing must end the process.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = &DamagedError{What: "store", Why: fmt.Sprintf("reading it panicked: %v", p)}
	}
}
