package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"brine/internal/event"
)

// Query says which events to read. Its zero value is all of them, oldest first.
type Query struct {
	Tag          string    // pattern
	Minion       string    // glob of the senders
	Since, Until time.Time // when the master took them in: not before Since, before Until
	From, To     uint64    // positions, both included
	Limit        int       // at most so many
	Reverse      bool      // newest first
	Follow       bool      // go on with what comes, for ever
}

// Line is one line of a stream of events: one of its fields is set.
type Line struct {
	Event   *event.Event `json:"event,omitempty"`
	Damaged string       `json:"damaged,omitempty"` // what of the log cannot be read, in its place
	Idle    bool         `json:"idle,omitempty"`    // nothing new: the daemon is there
	End     *End         `json:"end,omitempty"`     // always the last line
}

// End says that a stream is over.
type End struct {
	Next  uint64 `json:"next"` // where to go on: one past the last position looked at
	Error *Error `json:"error,omitempty"`
}

// maxLine bounds a line of a stream: event data as JSON may be some times its size.
const maxLine = 8*event.MaxData + 64<<10

// Events reads events as they come, each with an error of its own where a record is damaged; then the last is a
// *CutOff, unless the stream came to its end, or ctx did.
func (c *Client) Events(ctx context.Context, q Query) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		resp, err := c.send(ctx, http.MethodGet, "/v1/events", values(
			"tag", q.Tag, "minion", q.Minion, "since", stamp(q.Since), "until", stamp(q.Until), "from", number(q.From), "to", number(q.To),
			"limit", number(uint64(q.Limit)), "reverse", flag(q.Reverse), "follow", flag(q.Follow)), nil)
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer resp.Body.Close()
		next := q.From
		lines := bufio.NewReaderSize(resp.Body, 64<<10)
		for {
			line, err := readLine(lines)
			if err != nil {
				if ctx.Err() == nil {
					yield(Line{}, &CutOff{Next: next, Reason: reason(err)})
				}
				return
			}
			if e := line.Event; e != nil && !q.Reverse {
				next = e.Pos + 1
			}
			if line.End != nil {
				if line.End.Error != nil {
					yield(line, &CutOff{Next: line.End.Next, Reason: line.End.Error.Message})
					return
				}
				yield(line, nil)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

func reason(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the master has closed the connection"
	}
	return err.Error()
}

// readLine reads one line within maxLine.
func readLine(r *bufio.Reader) (Line, error) {
	var text []byte
	for {
		part, err := r.ReadSlice('\n')
		text = append(text, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return Line{}, err
		}
		if len(text) > maxLine {
			return Line{}, fmt.Errorf("a line has more than %d bytes", maxLine)
		}
	}
	var l Line
	if err := json.Unmarshal(bytes.TrimSpace(text), &l); err != nil {
		return Line{}, fmt.Errorf("a line cannot be read: %w", err)
	}
	return l, nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}
