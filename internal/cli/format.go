package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"brine/internal/config"
)

// The formats of -o.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

var formats = []string{formatTable, formatJSON, formatYAML}

func (a *app) checkFormat() error {
	if !slices.Contains(formats, a.format) {
		return usagef("-o takes table, json or yaml", "unknown format %q", a.format)
	}
	return nil
}

// machine shows a value for programs, if that is what was asked for: as one line of JSON, or one document of YAML.
func (a *app) machine(v any) (bool, error) {
	var text []byte
	var err error
	switch a.format {
	case formatJSON:
		text, err = json.Marshal(v)
		text = append(text, '\n')
	case formatYAML:
		text, err = config.Marshal(v)
		text = append([]byte("---\n"), text...)
	default:
		return false, nil
	}
	if err != nil {
		return true, err
	}
	_, err = a.out.Write(text)
	return true, err
}

// machineList shows each value of a list for programs, if that is what was asked for.
func machineList[T any](a *app, list []T) (bool, error) {
	for _, v := range list {
		if _, err := a.machine(v); err != nil {
			return true, err
		}
	}
	return a.format != formatTable, nil
}

// clean makes text from outside safe for a terminal: control characters and marks that turn the direction of text around are shown
// as what they are.
func clean(s string) string {
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafeRune(r) {
			q := []byte(quoteRune(r))
			b.Write(q)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unsafeRune(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

func quoteRune(r rune) string {
	const hex = "0123456789abcdef"
	if r < 0x80 {
		return `\x` + string(hex[r>>4]) + string(hex[r&15])
	}
	return `\u` + string(hex[r>>12&15]) + string(hex[r>>8&15]) + string(hex[r>>4&15]) + string(hex[r&15])
}

// oneLine is clean text without line breaks, cut at so many characters.
func oneLine(s string, most int) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
