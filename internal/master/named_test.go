package master

import (
	"fmt"
	"strings"
	"testing"

	"brine/internal/job"
)

// A session may ask for what its own jobs name and for what the manifests among that name, and for nothing else; of manifests it keeps the
// latest.
func TestContentNamedByManifests(t *testing.T) {
	hash := func(i int) string { return fmt.Sprintf("%064x", i) }
	s := &session{content: map[string]bool{}}
	s.allow(hash(1))
	s.allowNamed([]*job.HashSet{job.NewHashSet(hash(1), []string{hash(3), hash(2), hash(3), "no hash"})})
	for i, want := range []bool{false, true, true, true, false} {
		if s.mayGet(hash(i)) != want {
			t.Errorf("%d: %v", i, !want)
		}
	}
	for _, odd := range []string{"", "no hash", strings.Repeat("g", 64), hash(2) + "00"} {
		if s.mayGet(odd) {
			t.Errorf("it may ask for %q", odd)
		}
	}
	for i := range 2 * maxNamed {
		s.allowNamed([]*job.HashSet{job.NewHashSet(hash(10+i/2), []string{hash(1000 + i/2)})})
	}
	if len(s.named) != maxNamed || s.mayGet(hash(2)) || !s.mayGet(hash(1000+maxNamed-1)) {
		t.Errorf("%d manifests", len(s.named))
	}
}
