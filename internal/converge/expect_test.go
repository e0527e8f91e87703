package converge

import (
	"slices"
	"testing"

	"brine/beacons"
)

// What is not told yet is given once, to be kept; what was kept and stands for nothing more is given too, so that it can be dropped.
func TestExpectationsThatAreKept(t *testing.T) {
	x := NewExpectations(3)
	made := func(path, cause string) { x.Announce(path, beacons.Expected{Cause: cause}) }
	tell := func(path string) {
		e, _ := x.Own(path)
		x.Told(path, e)
	}
	for i, c := range []struct {
		what        string
		do          func()
		kept, stale []string
	}{
		{"nothing was made", func() {}, nil, nil},
		{"two paths, the latest first", func() { made("/a", "1"); made("/b", "1") }, []string{"/b 1", "/a 1"}, nil},
		{"nothing new", func() {}, nil, nil},
		{"told before it was kept", func() { made("/c", "1"); tell("/c") }, nil, nil},
		{"told", func() { tell("/a") }, nil, []string{"/a"}},
		{"made anew", func() { made("/b", "2") }, []string{"/b 2"}, nil},
		{"it did not come to pass", func() { made("/b", "3"); x.Forget("/b") }, nil, []string{"/b"}},
		{"pushed out", func() { made("/d", "1"); made("/e", "1"); made("/f", "1") }, []string{"/f 1", "/e 1", "/d 1"}, nil},
		{"by others", func() { made("/g", "1") }, []string{"/g 1"}, []string{"/d"}},
		{"recalled", func() { x.Recall(Announced{"/h", beacons.Expected{Cause: "1"}}) }, nil, []string{"/e"}},
		{"recalled and told", func() { tell("/h") }, nil, []string{"/h"}},
	} {
		c.do()
		var kept []string
		list, stale := x.Unsaved(10)
		for _, a := range list {
			kept = append(kept, a.Path+" "+a.Expected.Cause)
		}
		if !slices.Equal(kept, c.kept) || !slices.Equal(stale, c.stale) {
			t.Errorf("%d, %s: kept %q, stale %q; want %q, %q", i, c.what, kept, stale, c.kept, c.stale)
		}
	}
	made("/x", "1")
	made("/y", "1")
	if list, _ := x.Unsaved(1); len(list) != 1 {
		t.Errorf("%d are given, at most 1 was asked for", len(list))
	}
}
