package single

import (
	"strings"
	"testing"

	"brine/internal/config"
)

// A template's fault is not told: only what comes of it can be checked.
func TestCheck(t *testing.T) {
	m := Module(func(n *config.Node) config.Faults {
		args := n.Get("file.managed")
		return config.Faults{args.Get("mode").Fault("bad mode"), args.Get("name").Fault("bad name")}
	})
	n, faults := config.Parse("f", []byte("file.managed: {name: '/a/${minion}', mode: 'x'}"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := m.CheckArgs(n).Error(); !strings.Contains(got, "bad mode") || strings.Contains(got, "bad name") {
		t.Error(got)
	}
}
