package converge

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"brine/internal/job"
)

// ErrNothingKept is returned when the quarantine holds nothing of what was asked for.
var ErrNothingKept = errors.New("nothing is kept")

// Select is all that is kept of what is asked for, in the given order. A path counts, with the id and the whole name of the state that
// pushed it aside.
func Select(kept []Kept, ask job.Undo) ([]Kept, error) {
	if ask.Hash != "" && (len(ask.Hash) < job.MinHash || strings.Trim(ask.Hash, "0123456789abcdef") != "") {
		return nil, fmt.Errorf("hash %q: want at least %d letters of a SHA-256 in lower-case hex", ask.Hash, job.MinHash)
	}
	var out []Kept
	for _, k := range kept {
		if (ask.JID == "" || k.JID == ask.JID) && (ask.Hash == "" || strings.HasPrefix(k.SHA256, ask.Hash) && !k.isNote()) &&
			(len(ask.Of) == 0 || slices.ContainsFunc(ask.Of, func(of string) bool { return k.Target == of || k.Covers(of) })) {
			out = append(out, k)
		}
	}
	return out, nil
}

// Choose is what an undo puts back: for each path named, what was pushed aside there last; for each state named, what its last run
// pushed aside; with a job, all that the job pushed aside; with a hash, that content. Without any of these it is what the last run pushed
// aside. kept has the oldest first. Of one path, what a run pushed aside first is what stood there before it. What the job named self has
// pushed aside itself does not count. The error wraps ErrNothingKept where nothing fits.
func Choose(kept []Kept, ask job.Undo, self string) ([]Kept, error) {
	kept, err := Select(slices.DeleteFunc(slices.Clone(kept), func(k Kept) bool { return self != "" && k.JID == self }), job.Undo{JID: ask.JID, Hash: ask.Hash})
	if err != nil {
		return nil, err
	}
	if err := oneHash(kept, ask); err != nil {
		return nil, err
	}
	if len(kept) == 0 {
		return nil, nothingKept(ask, strings.Join(ask.Of, ", "))
	}
	var first oldest
	switch {
	case len(ask.Of) > 0:
	case ask.JID != "" || ask.Hash != "":
		first.take(kept)
	default:
		first.take(lastRun(kept))
	}
	for _, of := range ask.Of {
		if i := lastIndex(kept, func(k Kept) bool { return k.Target == of }); i >= 0 && ask.JID == "" {
			first.take(kept[i : i+1])
			continue
		}
		list := slices.DeleteFunc(slices.Clone(kept), func(k Kept) bool { return k.Target != of && !k.Covers(of) })
		if len(list) == 0 {
			return nil, nothingKept(ask, of)
		}
		first.take(lastRun(list))
	}
	return first.sorted(), nil
}

func nothingKept(ask job.Undo, of string) error {
	text := ""
	if of != "" {
		text += fmt.Sprintf(" of %q", of)
	}
	if ask.JID != "" {
		text += fmt.Sprintf(" that job %s pushed aside", ask.JID)
	}
	if ask.Hash != "" {
		text += fmt.Sprintf(" with the hash %s", ask.Hash)
	}
	return fmt.Errorf("%w%s", ErrNothingKept, text)
}

// oneHash makes sure that the beginning of a hash means one content, and where no path is named, one path.
func oneHash(kept []Kept, ask job.Undo) error {
	if ask.Hash == "" {
		return nil
	}
	hashes, paths := map[string]bool{}, map[string]bool{}
	for _, k := range kept {
		hashes[k.SHA256], paths[k.Target] = true, true
	}
	switch {
	case len(hashes) > 1:
		return fmt.Errorf("hash %s is the beginning of %d contents that are kept: give more of it", ask.Hash, len(hashes))
	case len(paths) > 1 && len(ask.Of) == 0:
		return fmt.Errorf("the content %s is kept of %d paths: name the path too", ask.Hash, len(paths))
	}
	return nil
}

func lastIndex(kept []Kept, fits func(Kept) bool) int {
	for i := len(kept) - 1; i >= 0; i-- {
		if fits(kept[i]) {
			return i
		}
	}
	return -1
}

// lastRun is what was pushed aside together with the newest of the list.
func lastRun(kept []Kept) (out []Kept) {
	last := kept[len(kept)-1].group()
	for _, k := range kept {
		if k.group() == last {
			out = append(out, k)
		}
	}
	return out
}

// oldest takes one of each path: the first that comes.
type oldest struct{ of map[string]Kept }

func (o *oldest) take(list []Kept) {
	if o.of == nil {
		o.of = map[string]Kept{}
	}
	for _, k := range list {
		if _, ok := o.of[k.Target]; !ok {
			o.of[k.Target] = k
		}
	}
}

func (o *oldest) sorted() []Kept {
	return slices.SortedFunc(maps.Values(o.of), func(a, b Kept) int { return cmp.Compare(a.Target, b.Target) })
}
