package log

import (
	"bytes"
	"regexp"
)

// cutter says how bytes become records.
type cutter struct {
	size  int            // bytes of a record that are kept
	start *regexp.Regexp // first line of a record; nil: each line is one
	lines int            // of a record at most
}

// record is a line, or several.
type record struct {
	text []byte
	at   int  // where it begins in what was cut
	cut  bool // there was more of it
}

// cut is pure: it takes whole records from the front of what was read. used is how far it came: what is left is to come again, with more behind it.
// skip, in and out, says that the bytes up to the next line's end belong to a line that has been told as far as it goes. flush takes the last record
// although more may follow, and end the last line although nothing ends it.
func (c cutter) cut(buf []byte, skip, flush, end bool) (records []record, used int, skipping bool) {
	if skip {
		i := bytes.IndexByte(buf, '\n')
		if i < 0 {
			return nil, len(buf), true
		}
		used = i + 1
	}
	open, count := -1, 0 // where the record begins that may go on, and its lines
	take := func(to int) {
		text := bytes.TrimRight(buf[open:to], "\r\n")
		r := record{text: text, at: open}
		if len(text) > c.size {
			r.text, r.cut = text[:c.size], true
		}
		records, used, open, count = append(records, r), to, -1, 0
	}
	for at := used; at < len(buf); {
		n := bytes.IndexByte(buf[at:], '\n')
		whole := n >= 0
		next := at + n + 1
		if !whole {
			if next = len(buf); !end {
				if next-at <= c.size { // the rest of the line is to come
					break
				}
				if open >= 0 {
					take(at)
				}
				open = at
				take(next)
				return records, used, true
			}
		}
		if open >= 0 && (c.start == nil || c.start.Match(bytes.TrimRight(buf[at:next], "\r\n"))) {
			take(at)
		}
		if open < 0 {
			open = at
		}
		if count++; c.start == nil || count >= c.lines || next-open > c.size {
			take(next)
		}
		at = next
	}
	if open >= 0 && (flush || end) {
		last := len(buf)
		if !end {
			last = bytes.LastIndexByte(buf, '\n') + 1
		}
		take(last)
	}
	return records, used, false
}
