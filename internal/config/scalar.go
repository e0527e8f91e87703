package config

import (
	"regexp"
	"strconv"
	"strings"
)

// The forms of YAML 1.1 as PyYAML, and so Salt, reads them, but for numbers to the base of 60, which surprise everybody.
var (
	intForm   = regexp.MustCompile(`^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)$`)
	floatForm = regexp.MustCompile(`^[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?$`)
)

// plain is the value of an unquoted scalar.
func plain(text string) any {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil
	}
	if b, ok := parseBool(text); ok {
		return b
	}
	if c := text[0]; c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
		return text
	}
	if intForm.MatchString(text) {
		if i, err := parseInt(text); err == nil {
			return i
		} else if f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err == nil {
			return f
		}
		return text
	}
	if floatForm.MatchString(text) {
		if f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err == nil {
			return f
		}
	}
	return text
}

func parseBool(text string) (value, ok bool) {
	switch text {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

// parseInt reads what has intForm: 0b, 0o or a leading 0, 0x, and underscores between digits.
func parseInt(text string) (int64, error) {
	if !intForm.MatchString(text) {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 64)
}
