package config

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// checkText refuses what is no text before the library sees it, and names the place.
func checkText(file string, text []byte) (Fault, bool) {
	if len(text) > MaxFile {
		return Fault{File: file, Msg: fmt.Sprintf("the file is larger than %d bytes", MaxFile)}, true
	}
	line, column := 1, 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		at := Fault{File: file, Line: line, Column: column}
		switch {
		case r == utf8.RuneError && size == 1:
			at.Msg, at.Hint = fmt.Sprintf("byte 0x%02x is no UTF-8", text[i]), "save the file as UTF-8"
			return at, true
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			at.Msg = fmt.Sprintf("control character %U", r)
			return at, true
		case r == '\n':
			line, column = line+1, 1
			i++
			continue
		}
		i += size
		column++
	}
	return Fault{}, false
}

var yamlLine = regexp.MustCompile(`^(yaml: )?(line \d+: )?`)

// said is the library's message without the line, which is often the wrong one.
func said(err error) string {
	msg := err.Error()
	return msg[len(yamlLine.FindString(msg)):]
}

// plainer says in words what the library's messages mean.
var plainer = map[string][2]string{
	"mapping values are not allowed in this context":               {"a ':' where no key can stand", "quote the text, or look at the indentation"},
	"did not find expected key":                                    {"this does not fit the map around it", "look at the indentation and the quotes"},
	"did not find expected '-' indicator":                          {"this does not fit the list around it", "look at the indentation"},
	"could not find expected ':'":                                  {"a key without its ':'", ""},
	"found character that cannot start any token":                  {"a character that no value can begin with", "quote the text"},
	"block sequence entries are not allowed in this context":       {"a list cannot begin here", "begin it on a line of its own"},
	"did not find expected node content":                           {"a value is missing here, or cannot stand here", ""},
	"did not find expected <document start>":                       {"the value above is whole; nothing can follow it", ""},
	"found unexpected end of stream":                               {"this quote is never closed", ""},
	"did not find expected ',' or ']'":                             {"this [ is never closed, or a comma is missing", ""},
	"did not find expected ',' or '}'":                             {"this { is never closed, or a comma is missing", ""},
	"found a tab character that violates indentation":              {"a tab in the indentation", "indent with spaces"},
	"found a tab character where an indentation space is expected": {"a tab in the indentation", "indent with spaces"},
}

// syntaxFault finds the place of what the library could not read. What the library says of it is too coarse, so the text is
// read again, byte by byte, to see how far the library came.
func syntaxFault(file string, text []byte, err error) Fault {
	msg := said(err)
	f := Fault{File: file, Msg: msg}
	if name, ok := strings.CutPrefix(msg, "unknown anchor '"); ok {
		name, _, _ = strings.Cut(name, "'")
		f.Msg = fmt.Sprintf("the alias %q has no anchor before it", name)
		f.Line, f.Column = place(text, strings.Index(string(text), "*"+name))
		return f
	}
	f.Line, f.Column = place(text, trigger(text, reached(text), msg))
	if strings.HasPrefix(msg, "exceeded max depth") {
		f.Msg = fmt.Sprintf("nested more than %d levels deep", MaxDepth)
	}
	if p, ok := plainer[msg]; ok {
		f.Msg, f.Hint = p[0], p[1]
	}
	if tab := tabIndent(text, f.Line); tab >= 0 {
		f.Line, f.Column = place(text, tab)
		f.Msg, f.Hint = "a tab in the indentation", "indent with spaces"
	}
	return f
}

// tryYAML reads all documents.
func tryYAML(r io.Reader) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	dec := yaml.NewDecoder(r)
	for err == nil {
		err = dec.Decode(new(yaml.Node))
	}
	return err
}

// reached is how many bytes the library had asked for when it gave up: a few more than it had understood.
func reached(text []byte) int {
	r := &creeper{text: text}
	_ = tryYAML(r)
	return r.at
}

// triggerBudget bounds the bytes read again to find a place to the character.
const triggerBudget = 1 << 20

// trigger is the offset of the character without which the library would not complain, or not like that.
func trigger(text []byte, end int, msg string) int {
	at := end
	for budget := triggerBudget; at > 0; {
		_, size := utf8.DecodeLastRune(text[:at])
		budget -= at
		if budget < 0 {
			return min(at, len(text)-1)
		}
		if err := tryYAML(bytes.NewReader(text[:at-size])); err == nil || err == io.EOF || said(err) != msg {
			return at - size
		}
		at -= size
	}
	return at
}

// creeper hands out one byte at a time.
type creeper struct {
	text []byte
	at   int
}

func (c *creeper) Read(p []byte) (int, error) {
	if c.at >= len(c.text) || len(p) == 0 {
		return 0, io.EOF
	}
	p[0] = c.text[c.at]
	c.at++
	return 1, nil
}

// place is the line and column of an offset.
func place(text []byte, at int) (line, column int) {
	at = min(max(at, 0), len(text))
	before := string(text[:at])
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// tabIndent is the offset of a tab that indents the line or the one before it, or -1.
func tabIndent(text []byte, line int) int {
	at := 0
	for i, l := range strings.SplitAfter(string(text), "\n") {
		lead := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if tab := strings.IndexByte(lead, '\t'); tab >= 0 && (i+1 == line || i+2 == line) && strings.TrimSpace(l) != "" {
			return at + tab
		}
		at += len(l)
	}
	return -1
}
