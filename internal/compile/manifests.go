package compile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"

	"brine/internal/job"
	"brine/internal/manifest"
	"brine/states"
)

// maxManifests bounds the manifests that are remembered, in bytes. The one that was compiled longest ago goes first: who still wants it has its
// job compiled anew.
const maxManifests = 128 << 20

// manifests remembers those that were compiled, by hash.
type manifests struct {
	max int // bytes

	mu    sync.Mutex
	kept  []*kept // that was compiled longest ago first
	bytes int
}

type kept struct {
	text []byte
	set  *job.HashSet
}

// put makes the manifest of a tree.
func (m *manifests) put(tree *states.Tree) (job.Content, error) {
	text := manifest.Encode(tree)
	if len(text) > manifest.MaxBytes {
		return job.Content{}, fmt.Errorf("the list of its files has %d bytes; at most %d", len(text), manifest.MaxBytes)
	}
	sum := sha256.Sum256(text)
	c := job.Content{Hash: hex.EncodeToString(sum[:]), Size: int64(len(text))}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.kept, func(k *kept) bool { return k.set.Manifest == c.Hash })
	if at >= 0 { // it counts as the latest
		k := m.kept[at]
		m.kept = append(slices.Delete(m.kept, at, at+1), k)
		return c, nil
	}
	for len(m.kept) > 0 && m.bytes+len(text) > m.max {
		m.bytes -= len(m.kept[0].text)
		m.kept = slices.Delete(m.kept, 0, 1)
	}
	hashes := make([]string, 0, len(tree.Files))
	for _, f := range tree.Files {
		hashes = append(hashes, f.Hash)
	}
	m.kept = append(m.kept, &kept{text, job.NewHashSet(c.Hash, hashes)})
	m.bytes += len(text)
	return c, nil
}

func (m *manifests) get(hash string) *kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.kept {
		if k.set.Manifest == hash {
			return k
		}
	}
	return nil
}

// Named gives the contents that the manifests among those of a low state name: whoever is given a manifest may ask for these.
func (c *Compiler) Named(low job.LowState) (sets []*job.HashSet) {
	for _, l := range low.States {
		for _, content := range l.Content {
			if k := c.manifests.get(content.Hash); k != nil && !slices.Contains(sets, k.set) {
				sets = append(sets, k.set)
			}
		}
	}
	return sets
}

// open reads a manifest; false: it is none.
func (m *manifests) open(hash string) (io.ReadSeekCloser, int64, bool) {
	k := m.get(hash)
	if k == nil {
		return nil, 0, false
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(k.text), io.NopCloser(nil)}, int64(len(k.text)), true
}
