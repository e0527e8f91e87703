package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	beaconlist "brine/beacons/all"
)

// TestReferenceLists: the lists of all beacons that stand within other pages are those of the code.
func TestReferenceLists(t *testing.T) {
	var rows, names []string
	for _, m := range beaconlist.List() {
		rows = append(rows, fmt.Sprintf("| [%s](docs/reference/beacons/%s.md) | %s |", m.Name, m.Name, cell(m.Purpose)))
		names = append(names, fmt.Sprintf("[%s](beacons/%s.md)", m.Name, m.Name))
	}
	for _, list := range []struct{ page, before, after, want string }{
		{"README.md", "| beacon | what it does |\n|---|---|\n", "\n\n", strings.Join(rows, "\n")},
		{"docs/reference/README.md", "\n- Beacons: ", "\n", strings.Join(names, ", ")},
	} {
		text := read(t, list.page)
		head, rest, found := strings.Cut(text, list.before)
		got, tail, ended := strings.Cut(rest, list.after)
		switch {
		case !found || !ended:
			t.Errorf("%s has no list of beacons: want it behind %q", list.page, list.before)
		case got == list.want:
		case *update:
			if err := os.WriteFile(filepath.Join(root, list.page), []byte(head+list.before+list.want+list.after+tail), 0o644); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s does not list the beacons that there are: run go generate ./internal/doctest\n%s", list.page, firstDifference(got, list.want))
		}
	}
}
