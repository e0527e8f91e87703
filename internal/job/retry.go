package job

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// Retry says how often an action of a rule is tried, and how long.
type Retry struct {
	Attempts int           `json:"attempts"`             // in all; 1 is no second one
	Backoff  time.Duration `json:"backoff_ns"`           // before the second; doubles with each
	Timeout  time.Duration `json:"timeout_ns,omitempty"` // of all attempts together; 0 is as long as a rule's job lives
}

// Bounds of retries.
const (
	MaxAttempts = 100
	MaxBackoff  = 10 * time.Minute // a longer wait than that is cut, jitter aside
)

// DefaultRetry is what holds for a function whose step says nothing. A state can be applied again without harm, so half a minute of
// half-written files and services that still start is sat out; another host that is down may take minutes to come back; and what
// a command has done before it failed nobody knows.
func DefaultRetry(fun string) Retry {
	switch {
	case strings.HasPrefix(fun, "state."):
		return Retry{Attempts: 6, Backoff: time.Second}
	case fun == MasterExec || strings.HasPrefix(fun, "cmd."):
		return Retry{Attempts: 1, Backoff: time.Second}
	}
	return Retry{Attempts: 8, Backoff: time.Second}
}

// Wait is how long to wait after the failure of the given try, from 1: Backoff, doubled with each, at most MaxBackoff, and a quarter
// more or less, so that what failed together is not tried together. The quarter follows from the job: the same history, the same times.
func (r Retry) Wait(jid, target string, try int) time.Duration {
	wait := r.Backoff
	for n := 1; n < try && wait < MaxBackoff; n++ {
		wait *= 2
	}
	wait = min(wait, MaxBackoff)
	sum := sha256.Sum256([]byte(jid + "\x00" + target + "\x00" + strconv.Itoa(try)))
	share := time.Duration(binary.BigEndian.Uint16(sum[:])) // 0 to 65535
	return wait - wait/4 + wait/2*share/65536
}
