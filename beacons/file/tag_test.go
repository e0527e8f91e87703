package file

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"brine/internal/event"
)

// The tail of a tag is made as everywhere else in Brine.
func TestPathTagAgreesWithEvent(t *testing.T) {
	for _, p := range []string{"/etc/motd", "/", "/a b/ü/100%", "/x*y/\x01\x7f", "/é*", "/caf\xe9", "/" + strings.Repeat("long/", 400) + "x", "/" + strings.Repeat("ü", 500), "/" + strings.Repeat("*", 500)} {
		tag := pathTag(p)
		if err := event.CheckTag("brine/beacon/" + strings.Repeat("m", event.MaxMinionID) + "/file/" + tag); err != nil || !utf8.ValidString(tag) {
			t.Errorf("%q: tag %q: %v", p, tag, err)
		}
		if want := event.PathTag(p); tag != want {
			t.Errorf("%q: %q; event.PathTag makes %q", p, tag, want)
		}
	}
	long := "/" + strings.Repeat("long/", 400)
	if pathTag(long+"a") == pathTag(long+"b") {
		t.Error("two long paths have one tag")
	}
}

func FuzzPathTag(f *testing.F) {
	for _, p := range []string{"/etc/motd", "/a%/*", "/\xff\x00", "/" + strings.Repeat("*", 500)} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		p = path.Clean("/" + p)
		if tag := pathTag(p); tag != event.PathTag(p) || event.CheckTag(tag) != nil || !utf8.ValidString(tag) || len(tag) > maxTag {
			t.Errorf("%q: tag %q", p, tag)
		}
	})
}

// A baseline that is damaged, or of an unknown kind, is an error and never a panic; what is written reads the same.
func FuzzRecord(f *testing.F) {
	f.Add(record{Kind: regular, Mode: 0o644, Sum: sum{1}, stamps: stamps{Ino: 1, Size: 2}}.encode())
	f.Add(record{Kind: symlink, Target: "a\xffb"}.encode())
	f.Add([]byte(`{"t":"none","h":"00"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		if again, err := decodeRecord(r.encode()); err != nil || again != r {
			t.Errorf("%+v became %+v: %v", r, again, err)
		}
	})
}
