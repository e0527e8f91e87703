package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bounds of a record.
const (
	maxLine    = 1 << 20  // bytes of what journalctl prints of it
	maxMatched = 64 << 10 // bytes of a message that are matched
)

// fields are what journalctl is asked for, beside the cursor and the time, which it always prints.
const fields = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,_SYSTEMD_UNIT,UNIT"

// record is one of the journal.
type record struct {
	cursor     string
	message    string
	cut        bool
	unit       string
	identifier string
	priority   int64
	pid        int64
	at         time.Time
	lost       string // why nothing but the cursor is known of it, and that perhaps not
}

// text is a field's value: text, or bytes where it is none, null where it is left out, or a list of these where a record has the field several times.
type text string

// UnmarshalJSON takes the first of several.
func (t *text) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		var s *string
		err := json.Unmarshal(data, &s)
		if s != nil {
			*t = text(*s)
		}
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil || len(list) == 0 {
		return err
	}
	if list[0][0] == '"' || list[0][0] == '[' || list[0][0] == 'n' {
		if depth := list[0]; len(depth) > 1 && depth[0] == '[' && depth[1] == '[' {
			return errors.New("a list of lists of lists")
		}
		return t.UnmarshalJSON(list[0])
	}
	bytes := make([]byte, len(list))
	for i, raw := range list {
		n, err := strconv.ParseUint(string(raw), 10, 8)
		if err != nil {
			return fmt.Errorf("byte %d: %w", i, err)
		}
		bytes[i] = byte(n)
	}
	*t = text(bytes)
	return nil
}

// decode reads a line of journalctl's format "json".
func decode(line []byte) (record, error) {
	var f struct {
		Cursor     text `json:"__CURSOR"`
		Time       text `json:"__REALTIME_TIMESTAMP"` // µs
		Message    text `json:"MESSAGE"`
		Priority   text `json:"PRIORITY"`
		Identifier text `json:"SYSLOG_IDENTIFIER"`
		Comm       text `json:"_COMM"`
		PID        text `json:"_PID"`
		Own        text `json:"_SYSTEMD_UNIT"`
		Of         text `json:"UNIT"`
	}
	if err := json.Unmarshal(line, &f); err != nil {
		return record{}, fmt.Errorf("record: %w", err)
	}
	if f.Cursor == "" {
		return record{}, errors.New("record: it has no __CURSOR")
	}
	r := record{cursor: string(f.Cursor), unit: string(f.Own), identifier: string(f.Identifier), priority: 6}
	if us, err := strconv.ParseInt(string(f.Time), 10, 64); err == nil {
		r.at = time.UnixMicro(us).UTC()
	}
	if p, err := strconv.ParseInt(string(f.Priority), 10, 64); err == nil && p >= 0 && p <= 7 {
		r.priority = p
	}
	r.pid, _ = strconv.ParseInt(string(f.PID), 10, 64) // 0: not known
	if f.PID == "1" && f.Of != "" {                    // systemd itself tells of a unit; others may claim what they like
		r.unit = string(f.Of)
	}
	if r.identifier == "" {
		r.identifier = string(f.Comm)
	}
	r.message = string(f.Message)
	if len(r.message) > maxMatched {
		r.message, r.cut = r.message[:maxMatched], true
	}
	return r, nil
}

// cursorOf finds the cursor in a line that cannot be decoded: a quote within a text stands behind a backslash.
var cursorOf = regexp.MustCompile(`"__CURSOR"\s*:\s*"([^"\\]+)"`)

// read makes a record of a line, whatever it holds; long: it is only the beginning of one.
func read(line []byte, long bool) record {
	r, err := record{}, fmt.Errorf("a record has more than %d bytes", maxLine)
	if !long {
		if r, err = decode(line); err == nil {
			return r
		}
	}
	r.lost = clean(err.Error(), maxGroup)
	if m := cursorOf.FindSubmatch(line); m != nil {
		r.cursor = string(m[1])
	}
	return r
}

// lines gives each line that is read, until an error, which it returns; of one that is too long the beginning.
func lines(in io.Reader, give func(line []byte, long bool) error) error {
	b := bufio.NewReaderSize(in, 64<<10)
	var line []byte
	long := false
	for {
		part, err := b.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxLine; !long {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return err // what nothing ends is no whole record
		}
		if err := give(line, long); err != nil {
			return err
		}
		line, long = line[:0], false
	}
}

func clean(s string, most int) string {
	return strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD")
}
