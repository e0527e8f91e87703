package webhook

import (
	"fmt"
	"strings"
)

// CheckHeader says why a header cannot be sent: a name or a value could end it and begin another. Names are tokens (RFC 9110, 5.6.2).
func CheckHeader(name, value string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) {
		return fmt.Errorf("%q is no name of a header", name)
	}
	if i := strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
		return fmt.Errorf("header %s: its value %.80q holds a line end or another control character", name, value)
	}
	return nil
}
