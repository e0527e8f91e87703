package config

import "strings"

// Strings is an option that takes one string, or a list of them.
type Strings []string

// DecodeNode takes both forms.
func (s *Strings) DecodeNode(n *Node) Faults {
	var many []string
	if n.Kind() != List {
		var one string
		faults := n.Decode(&one)
		*s = Strings{one}
		return faults
	}
	faults := n.Decode(&many)
	*s = many
	return faults
}

func (s Strings) String() string { return strings.Join(s, ", ") }
