package event

import (
	"path"
	"strings"
	"testing"
)

func TestCheckTag(t *testing.T) {
	for _, tag := range []string{"a", "brine/beacon/web1/file/etc/motd", "é/ü", "a b/c", "a/%2A", strings.Repeat("a", MaxTag), ".", "a/../b"} {
		if err := CheckTag(tag); err != nil {
			t.Error(err)
		}
	}
	for tag, want := range map[string]string{
		"": "empty", "/a": "empty segment", "a/": "empty segment", "a//b": "empty segment", "/": "empty segment", "a\nb": "position 2", "a*": "position 2",
		"a\x7f": "position 2", "é\x00": "position 3", "a\xff": "position 2", strings.Repeat("a", MaxTag+1): "1025 bytes",
	} {
		if err := CheckTag(tag); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", tag, err, want)
		}
	}
}

func TestMayFire(t *testing.T) {
	tests := []struct {
		tag string
		may bool
	}{
		{"deploy/finished", true}, {"brine", false}, {"brines/x", true}, {"xbrine/beacon/web2/x", true},
		{"brine/beacon/web1/file/etc/motd", true}, {"brine/minion/web1/start", true}, {"brine/drift/web1/x/corrected", true}, {"brine/gap/web1", true},
		{"brine/job/abc/ret/web1", true},
		{"brine/beacon/web2/file/etc/motd", false}, {"brine/beacon/web10", false}, {"brine/beacon", false}, {"brine/beacon//web1", false},
		{"brine/job/abc/ret/web2", false}, {"brine/job/abc/ret/web1/x", false}, {"brine/job/abc/new", false}, {"brine/job/web1", false}, {"brine/job/abc/new/web1", false},
		{"brine/key/web1/accepted", false}, {"brine/reactor/web1/failed", false}, {"brine/web1", false}, {"brine/", false}, {"brine/x/web1", false},
	}
	for _, tt := range tests {
		if got := MayFire("web1", tt.tag); got != tt.may {
			t.Errorf("%s: %v", tt.tag, got)
		}
	}
}

func TestPathTag(t *testing.T) {
	long := "/" + strings.Repeat("é%/", 500)
	tests := map[string]string{
		"/etc/motd": "etc/motd", "/etc//x/../motd/": "etc/motd", "etc/motd": "etc/motd", "/": "%2F", "": "%2F", "/../..": "%2F",
		"/a*b%c": "a%2Ab%25c", "/a\nb": "a%0Ab", "/a\xffb": "a%FFb", "/é": "é", "/a b": "a b",
	}
	for p, want := range tests {
		if got := PathTag(p); got != want {
			t.Errorf("%q: %q, want %q", p, got, want)
		}
	}
	a, b := PathTag(long+"a"), PathTag(long+"b")
	if a == b || len(a) > MaxPathTag || len(b) > MaxPathTag {
		t.Errorf("%d bytes: %s", len(a), a)
	}
}

func FuzzPathTag(f *testing.F) {
	for _, s := range []string{"/etc/motd", "/", "", "a%", "/\xff\xfe", "/a*b/%2F", strings.Repeat("/é*", 400), "/�", "/a/./../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		tag := PathTag(p)
		if err := CheckTag("brine/beacon/" + strings.Repeat("m", MaxMinionID) + "/" + strings.Repeat("b", 50) + "/" + tag); err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePattern(tag); err != nil {
			t.Fatal(err)
		}
		back, err := UnescapeTag(tag)
		if want := path.Clean("/" + p); len(EscapeTag(want)) <= MaxPathTag && (err != nil || path.Clean("/"+back) != want) {
			t.Fatalf("%q -> %q -> %q, %v", want, tag, back, err)
		}
		if seg := EscapeSegment(p); strings.Contains(seg, "/") || p != "" && len(seg) <= MaxTag && CheckTag(seg) != nil {
			t.Fatalf("segment %q", seg)
		} else if back, err := UnescapeTag(seg); err != nil || back != p {
			t.Fatalf("%q -> %q -> %q, %v", p, seg, back, err)
		}
		if s, err := UnescapeTag(p); err == nil && !strings.Contains(p, "%") && s != p {
			t.Fatalf("%q -> %q", p, s)
		}
	})
}
