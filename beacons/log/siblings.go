package log

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxSiblings bounds the names in a folder that are looked at for what was rotated away.
const maxSiblings = 4096

// rotated are names that rotation gives: a pattern for files does not mean them.
var rotated = regexp.MustCompile(`(\.(gz|xz|bz2|zst|old|bak|swp|\d+)|~|-\d{8}[^/]*)$`)

var packed = regexp.MustCompile(`\.(gz|xz|bz2|zst)$`)

// sibling is a file beside another, whose name begins with the other's.
type sibling struct {
	path string
	info os.FileInfo
}

func siblings(path string) (list []sibling) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(maxSiblings)
	for _, n := range names {
		stem := strings.TrimSuffix(filepath.Base(path), ".log")
		if full := filepath.Join(filepath.Dir(path), n); full != path && strings.HasPrefix(n, stem) && !packed.MatchString(n) {
			if info, err := os.Lstat(full); err == nil && info.Mode().IsRegular() {
				list = append(list, sibling{full, info})
			}
		}
	}
	slices.SortFunc(list, func(a, b sibling) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), strings.Compare(a.path, b.path))
	})
	return list
}

// find looks beside a path for the file, or a copy of it, that was read up to a position. It is open.
func find(path string, p position) (*os.File, os.FileInfo) {
	for _, same := range []bool{true, false} { // the file itself before a copy
		for _, s := range siblings(path) {
			_, ino := identity(s.info)
			if (ino == p.Ino) != same || !same && p.Offset == 0 {
				continue
			}
			f, info, err := openRegular(s.path)
			if err != nil {
				continue
			}
			if p.holds(f, info.Size()) {
				return f, info
			}
			f.Close()
		}
	}
	return nil, nil
}

// between are the files beside a path that came after one that was rotated away, and were rotated away themselves, the oldest first.
// known says which are read already.
func between(path string, after time.Time, known func(ino uint64) bool) (list []sibling) {
	for _, s := range siblings(path) {
		_, ino := identity(s.info)
		if rotated.MatchString(s.path) && s.info.ModTime().After(after) && !known(ino) {
			list = append(list, s)
		}
	}
	return list
}
