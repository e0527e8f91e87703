package file

import (
	"path"
	"regexp"
	"strings"

	"brine/internal/hostfs"
)

// kept says what a cleaned folder holds by right.
type kept struct {
	names   map[string]bool // paths below the folder, and whether they stay with all they hold
	exclude patterns
}

// newKept takes absolute paths, of which those below base count with all they hold, and what leads to them.
func newKept(base string, paths []string, exclude patterns) *kept {
	k := &kept{names: map[string]bool{}, exclude: exclude}
	for _, p := range below(base, paths) {
		k.add(strings.TrimPrefix(p, base+"/"), true)
	}
	return k
}

// add keeps a path below the folder, with whole all it holds, and the folders that lead to it.
func (k *kept) add(rel string, whole bool) {
	k.names[rel] = k.names[rel] || whole
	for dir := path.Dir(rel); dir != "."; dir = path.Dir(dir) {
		k.names[dir] = k.names[dir] || false
	}
}

// tempName is what a draft of Brine's own is called: the next write to its target sees to it.
var tempName = regexp.MustCompile(`\A` + regexp.QuoteMeta(hostfs.TempPrefix) + `[0-9a-f]{16}~?\z`)

// judge is the sweeper's.
func (k *kept) judge(rel string, dir bool) verdict {
	whole, known := k.names[rel]
	switch {
	case known && (whole || !dir):
		return stay
	case k.exclude.match(rel), tempName.MatchString(path.Base(rel)):
		return stay
	case known:
		return inside
	}
	return drop
}

// below are the paths that lie below base.
func below(base string, paths []string) (out []string) {
	for _, p := range paths {
		if p = path.Clean(p); strings.HasPrefix(p, base+"/") {
			out = append(out, p)
		}
	}
	return out
}
