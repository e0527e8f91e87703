package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// MaxDropIns bounds the files in one drop-in folder.
const MaxDropIns = 1000

// DropInDir is the folder whose *.yaml files are merged into a file: master.d for master.yaml, beside it.
func DropInDir(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".d"
}

// LoadWithDropIns parses a file and the *.yaml files of its DropInDir, in the order of their names, and merges them: maps key
// by key, anything else by the last that says it. An empty value says nothing; null or ~ takes back to the default what an earlier
// file said. Hidden files are passed over. Each node keeps the place where it stands. All faults of all files come at once.
func LoadWithDropIns(path string) (*Node, error) {
	names, err := dropIns(DropInDir(path))
	if err != nil {
		return nil, err
	}
	var whole *Node
	var faults Faults
	for _, name := range append([]string{path}, names...) {
		text, err := readFile(name)
		if err != nil {
			return nil, err
		}
		n, f := Parse(name, text)
		faults = append(faults, f...)
		if len(f) > 0 {
			continue
		}
		if n.Kind() != Map {
			faults = append(faults, n.Fault("want a map, not %s", describe(n)))
			continue
		}
		whole = merge(whole, n, &faults)
	}
	return whole, faults.Err()
}

func dropIns(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".yaml" || e.IsDir() {
			continue
		}
		names = append(names, filepath.Join(dir, e.Name()))
	}
	if len(names) > MaxDropIns {
		return nil, fmt.Errorf("%s holds %d files; at most %d", dir, len(names), MaxDropIns)
	}
	return names, nil
}

// merge puts later over earlier and changes neither.
func merge(earlier, later *Node, faults *Faults) *Node {
	switch {
	case earlier == nil:
		return later
	case later.kind == Null && later.text == "":
		return earlier
	case earlier.kind == Null || later.kind == Null || earlier.kind != Map && later.kind != Map:
		return later
	case earlier.kind != later.kind:
		*faults = append(*faults, later.Fault("%s where %s:%d has %s", describe(later), earlier.file, earlier.line, describe(earlier)))
		return earlier
	}
	out := *earlier
	out.pairs = make([]Pair, 0, len(earlier.pairs)+len(later.pairs))
	at := make(map[string]int, len(earlier.pairs))
	for _, p := range earlier.pairs {
		at[p.Key.text] = len(out.pairs)
		out.pairs = append(out.pairs, p)
	}
	for _, p := range later.pairs {
		if i, ok := at[p.Key.text]; ok {
			out.pairs[i] = Pair{p.Key, merge(out.pairs[i].Value, p.Value, faults)}
		} else {
			out.pairs = append(out.pairs, p)
		}
	}
	return &out
}
