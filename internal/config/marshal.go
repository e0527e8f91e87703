package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// Marshal writes a value as YAML: what its JSON says, keys in the same order. Text that Parse would read as something else is quoted.
func Marshal(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := fromJSON(d)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return nil, err
	}
	return out.Bytes(), e.Close()
}

// fromJSON makes a node of the next value.
func fromJSON(d *json.Decoder) (*yaml.Node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if t == '{' {
			n.Kind = yaml.MappingNode // a key is a value like others
		}
		for d.More() {
			c, err := fromJSON(d)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, c)
		}
		_, err := d.Token() // the end
		return n, err
	case string:
		return textNode(t), nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: t.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(t)}, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	}
	return nil, io.ErrUnexpectedEOF
}

func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	_, isText := plain(s).(string)
	switch {
	case isBlock(s):
		n.Style = yaml.LiteralStyle
	case !isText || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// isBlock reports whether text of several lines reads well, and the same, as a literal block: diffs and such.
func isBlock(s string) bool {
	if !strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\n\n") {
		return false
	}
	for i, line := range strings.Split(s[:len(s)-1], "\n") {
		if i == 0 && (line == "" || line[0] == ' ') || line != "" && strings.TrimSpace(line) == "" {
			return false
		}
		for _, r := range line {
			if !unicode.IsPrint(r) {
				return false
			}
		}
	}
	return true
}

// ScalarValue is what one scalar in a file would be: yes is true, 5 a number, nothing nil; in quotes it is text. Whatever is no scalar
// is text as it stands.
func ScalarValue(text string) any {
	if c := strings.TrimSpace(text); c != "" && (c[0] == '"' || c[0] == '\'') {
		if n, faults := Parse("", []byte(text)); len(faults) == 0 && n.Kind() == Scalar {
			return n.Value()
		}
	}
	return plain(text)
}
