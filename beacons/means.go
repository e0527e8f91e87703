package beacons

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// MaxMeans bounds a list of patterns.
const MaxMeans = 64

// Means reports whether a name is meant by a list of patterns, as a shell has them: the last that matches decides, and one with a '!'
// takes away. Where only such stand, all others are meant.
func Means(patterns []string, name string) bool {
	in := true
	for _, p := range patterns {
		if !strings.HasPrefix(p, "!") {
			in = false
		}
	}
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		if ok, _ := path.Match(p, name); ok {
			in = !not
		}
	}
	return in
}

// CheckMeans is for a module's Validate.
func CheckMeans(option string, patterns []string) error {
	var faults []error
	if len(patterns) == 0 || len(patterns) > MaxMeans {
		faults = append(faults, fmt.Errorf("%s: %d entries; want 1 to %d", option, len(patterns), MaxMeans))
	}
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || p == "" || p == "!" {
			faults = append(faults, fmt.Errorf("%s: %q is no pattern", option, clip(p)))
		}
	}
	return errors.Join(faults...)
}
