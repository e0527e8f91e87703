package master

import (
	"fmt"
	"strings"

	"brine/internal/target"
	"brine/reactors"
)

// maxUnknownTold bounds the ids that a verdict names.
const maxUnknownTold = 5

// whyUnknown is what a verdict says of ids that its rule names one by one and that no accepted minion has; empty: all are known, or none is named.
func (c *Core) whyUnknown(d reactors.Decision) string {
	t, err := target.Parse(d.TgtType, d.Tgt)
	if d.Tgt == "" || err != nil {
		return ""
	}
	var unknown []string
	for _, id := range t.IDs() {
		if m := c.minions[id]; m == nil || m.key == "" {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	more := ""
	if n := len(unknown) - maxUnknownTold; n > 0 {
		unknown, more = unknown[:maxUnknownTold], fmt.Sprintf(" and %d more", n)
	}
	return "no accepted minion is named " + strings.Join(unknown, ", ") + more
}
