package job

import (
	"bytes"
	"encoding/hex"
	"slices"
)

// HashSet is the contents that a manifest names. It never changes.
type HashSet struct {
	Manifest string     // the manifest's own hash
	hashes   [][32]byte // in order
}

// NewHashSet takes hashes in hex; what is none is left out.
func NewHashSet(manifest string, hashes []string) *HashSet {
	s := &HashSet{Manifest: manifest, hashes: make([][32]byte, 0, len(hashes))}
	for _, text := range hashes {
		if h, ok := parseHash(text); ok {
			s.hashes = append(s.hashes, h)
		}
	}
	slices.SortFunc(s.hashes, compareHashes)
	s.hashes = slices.Compact(s.hashes)
	return s
}

// Has reports whether the manifest names a content.
func (s *HashSet) Has(hash string) bool {
	h, ok := parseHash(hash)
	if !ok {
		return false
	}
	_, found := slices.BinarySearchFunc(s.hashes, h, compareHashes)
	return found
}

func compareHashes(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) }

func parseHash(text string) (h [32]byte, ok bool) {
	if len(text) != 2*len(h) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(text))
	return h, err == nil
}
