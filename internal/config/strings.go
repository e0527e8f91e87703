package config

import "strings"

// Strings is an option that takes one string, or a list of them, as every slice does.
type Strings []string

func (s Strings) String() string { return strings.Join(s, ", ") }
