package reactors

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"brine/internal/config"
)

// place is where a piece of a scalar's text stands, so that what is wrong inside it can be told to the character.
type place struct {
	node *config.Node
	text []byte // of the whole file
	skip int    // characters of the scalar's text before the piece
}

// at gives the line and column, both from 1, of the character at an offset of the piece. Where the text cannot be traced
// back through its quoting (an alias, say) it is that of the scalar.
func (p place) at(offset int) (line, column int) {
	t := tracer{text: p.text, line: 1, column: 1}
	if t.seek(p.node.Line(), p.node.Column()) && t.open() {
		if line, column, ok := t.trace(p.node.Text(), p.skip+offset); ok {
			return line, column
		}
	}
	return p.node.Line(), p.node.Column()
}

// fault says what is wrong at an offset of the piece.
func (p place) fault(offset int, format string, args ...any) config.Fault {
	f := p.node.Fault(format, args...)
	f.Line, f.Column = p.at(offset)
	return f
}

// String is file:line:column of an offset.
func (p place) String(offset int) string {
	line, column := p.at(offset)
	return fmt.Sprintf("%s:%d:%d", p.node.File(), line, column)
}

// tracer walks the written form of a YAML scalar (YAML 1.2, 7.3 and 8.1) beside its value.
type tracer struct {
	text         []byte
	pos          int // byte
	line, column int
	style        byte // ', ", |, > or 0 for plain
	indent       int  // of a block scalar's lines
}

// rest is what has not been walked.
func (t *tracer) rest() []byte { return t.text[t.pos:] }

// step walks one character.
func (t *tracer) step() {
	r, n := utf8.DecodeRune(t.rest())
	t.pos += n
	if r == '\n' {
		t.line, t.column = t.line+1, 1
	} else {
		t.column++
	}
}

func (t *tracer) peek() byte {
	if t.pos < len(t.text) {
		return t.text[t.pos]
	}
	return 0
}

func (t *tracer) seek(line, column int) bool {
	for t.pos < len(t.text) && (t.line < line || t.line == line && t.column < column) {
		t.step()
	}
	return t.line == line && t.column == column
}

// open goes to the scalar's first character: past tag and anchor, quote or block header.
func (t *tracer) open() bool {
	for t.peek() == '!' || t.peek() == '&' {
		for c := t.peek(); c != 0 && c != ' ' && c != '\n'; c = t.peek() {
			t.step()
		}
		t.skip(" ")
	}
	switch c := t.peek(); c {
	case '\'', '"':
		t.style = c
		t.step()
	case '|', '>':
		t.style = c
		_, body, ok := bytes.Cut(t.rest(), []byte("\n"))
		if !ok {
			return false
		}
		t.indent = leadingSpaces(body)
		for t.peek() != '\n' {
			t.step()
		}
		t.step()
		t.dedent()
	}
	return true
}

// leadingSpaces is the indentation of the first line that holds something.
func leadingSpaces(body []byte) int {
	for line := range bytes.Lines(body) {
		if trimmed := bytes.TrimLeft(line, " "); len(bytes.TrimSpace(trimmed)) > 0 {
			return len(line) - len(trimmed)
		}
	}
	return 0
}

func (t *tracer) skip(set string) {
	for c := t.peek(); c != 0 && strings.IndexByte(set, c) >= 0; c = t.peek() {
		t.step()
	}
}

// dedent skips a block scalar's indentation, or in the other styles all space that begins a line.
func (t *tracer) dedent() {
	if t.style != '|' && t.style != '>' {
		t.skip(" \t")
		return
	}
	for n := 0; n < t.indent && t.peek() == ' '; n++ {
		t.step()
	}
}

// atBreak reports whether nothing but space is left of the line; a block scalar keeps that space.
func (t *tracer) atBreak() bool {
	line, _, _ := bytes.Cut(t.rest(), []byte("\n"))
	if t.style == '|' || t.style == '>' {
		return len(bytes.TrimRight(line, "\r")) == 0
	}
	return len(bytes.TrimRight(line, " \t\r")) == 0
}

// newline goes to the content of the next line.
func (t *tracer) newline() {
	t.skip(" \t\r")
	t.step()
	t.dedent()
}

// trace finds the character of the value with the given index; the index past the last is the end.
func (t *tracer) trace(value string, index int) (line, column int, ok bool) {
	before := rune(0)
	for _, r := range value {
		if index == 0 {
			return t.line, t.column, true
		}
		if !t.one(r, before) {
			return 0, 0, false
		}
		before = r
		index--
	}
	return t.line, t.column, index == 0
}

// one walks what one character of the value is written as.
func (t *tracer) one(r, before rune) bool {
	for t.style == '"' && bytes.HasPrefix(t.rest(), []byte("\\\n")) {
		t.step() // a line that goes on in the next, without a space
		t.newline()
	}
	switch {
	case t.style == '|' && r == '\n':
		if !t.atBreak() {
			return false
		}
		t.newline()
		return true
	case t.style != '|' && (r == ' ' || r == '\n') && t.atBreak() && t.pos < len(t.text):
		t.newline()
		if r == '\n' && before != '\n' && t.atBreak() && t.pos < len(t.text) {
			t.newline() // an empty line between two is one line break
		}
		return true
	case t.style == '"' && t.peek() == '\\':
		return t.escape()
	case t.style == '\'' && r == '\'':
		t.step() // it is doubled
	}
	if got, _ := utf8.DecodeRune(t.rest()); got != r {
		return false
	}
	t.step()
	return true
}

// escape walks one escape sequence of a double-quoted scalar.
func (t *tracer) escape() bool {
	t.step()
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[t.peek()]
	for range digits + 1 {
		t.step()
	}
	return t.pos < len(t.text)
}
