package file

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"brine/internal/diff"
	"brine/states"
)

func TestDiffIsBoundedAndOnlyOfText(t *testing.T) {
	lines := func(n int, with string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s %d\n", with, i)
		}
		return b.String()
	}
	for _, c := range []struct {
		name, path, before, after string
		has                       []string
	}{
		{"text", "/f", "one\ntwo\n", "one\n2\n", []string{"-two\n", "+2\n", "/f (wanted)"}},
		{"secret", "/f.key", "one\n", "two\n", nil},
		{"binary before", "/f", "a\x00b", "two\n", nil},
		{"not UTF-8 after", "/f", "a", "\xff\xfe\n", nil},
		{"input too long", "/f", strings.Repeat("x", diff.MaxInput+1), "two\n", nil},
		{"output too long", "/f", lines(2000, "old"), lines(2000, "new"), []string{"more bytes of diff\n"}},
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, c.path), []byte(c.before), 0o644); err != nil {
			t.Fatal(err)
		}
		text := Text(c.after)
		changes, err := (&Managed{Name: c.path, Contents: &text}).Check(context.Background(), states.Env{Root: root, Log: slog.New(slog.DiscardHandler)})
		if err != nil || len(changes) != 1 || changes[0].What != "content" {
			t.Fatalf("%s: %v, %v", c.name, changes, err)
		}
		d := changes[0].Diff
		if c.has == nil && d != "" {
			t.Errorf("%s: a diff was shown: %.80q", c.name, d)
		}
		for _, part := range c.has {
			if !strings.Contains(d, part) || len(d) > diff.MaxOutput+100 {
				t.Errorf("%s: %d bytes of diff, %.200q; want it to hold %q", c.name, len(d), d, part)
			}
		}
	}
}
