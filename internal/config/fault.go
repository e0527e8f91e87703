// Package config reads YAML strictly: every fault at once, each with its file, line and column and, for a misspelt
// key, the nearest known one. It owns the YAML library, which nobody else imports. It must never know what a key
// means: that is its callers' business.
package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// MaxFaults bounds what one reading reports; what is past it is counted.
const MaxFaults = 100

// Fault is one thing that is wrong in a file.
type Fault struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1; 0 when the fault is of the file as a whole
	Column int    `json:"column"` // from 1, in characters
	Msg    string `json:"msg"`
	Hint   string `json:"hint,omitempty"` // what to do about it; may be empty
}

// String is file:line:column: message (hint).
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(f.Msg)
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	return b.String()
}

// Error makes a fault an error.
func (f Fault) Error() string { return f.String() }

// WithHint is the fault with advice; an empty hint changes nothing.
func (f Fault) WithHint(hint string) Fault {
	if hint != "" {
		f.Hint = hint
	}
	return f
}

// Faults are what is wrong in one or several files. As an error it has one line a fault, sorted by place.
type Faults []Fault

func (fs Faults) Error() string {
	lines := make([]string, 0, len(fs))
	for _, f := range fs.Sorted() {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// Err is the faults as an error, sorted and bounded, or nil when there are none.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs.Sorted()
}

// Sorted is a copy sorted by place, without doubles, of at most MaxFaults and one that counts the others.
func (fs Faults) Sorted() Faults {
	if len(fs) == 0 {
		return nil
	}
	out := slices.Clone(fs)
	slices.SortStableFunc(out, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	out = slices.Compact(out)
	if more := len(out) - MaxFaults; more > 0 {
		out = append(out[:MaxFaults:MaxFaults], Fault{File: out[MaxFaults].File, Line: out[MaxFaults].Line,
			Column: out[MaxFaults].Column, Msg: fmt.Sprintf("and %d more faults from here on", more)})
	}
	return out
}
