package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"brine/states"
)

var hash = strings.Repeat("0a", 32)

func sample() *states.Tree {
	return &states.Tree{
		Dirs: []string{"a", "a/ü", "sp ace"},
		Files: []states.TreeFile{
			{Path: "a/f", Hash: hash, Size: 12, Mode: 0o644},
			{Path: "a/new\nline \"quoted\" \\ \xff", Hash: hash, Mode: 0o4},
		},
	}
}

func TestManifest(t *testing.T) {
	var got states.Tree
	if err := Decode(bytes.NewReader(Encode(sample())), &got); err != nil || !reflect.DeepEqual(&got, sample()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoManifest(t *testing.T) {
	good := string(Encode(sample()))
	for what, text := range map[string]string{
		"nothing":                 "",
		"only the heading":        header + "\n",
		"another heading":         strings.Replace(good, " 1\n", " 2\n", 1),
		"an unknown line":         good + "x \"y\"\n",
		"a path without quotes":   good + "d y\n",
		"a hash too short":        strings.Replace(good, hash, hash[2:], 1),
		"a hash in upper case":    strings.Replace(good, hash, strings.ToUpper(hash), 1),
		"a negative size":         strings.Replace(good, " 12 ", " -12 ", 1),
		"a mode with more bits":   strings.Replace(good, "f 644", "f 4755", 1),
		"a line without its path": good + "f 644 1 " + hash + "\n",
		"a line without end":      good + "d \"" + strings.Repeat("x", maxLine),
		"too many folders":        header + strings.Repeat("\nd \"x\"", MaxDirs+1),
	} {
		tree := states.Tree{Dirs: []string{"stays"}}
		if err := Decode(strings.NewReader(text), &tree); !errors.Is(err, ErrMalformed) || len(tree.Dirs) != 1 {
			t.Errorf("%s: %v, %+v", what, err, tree)
		}
	}
}

// What is read is what was meant, or an error.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(sample()))
	f.Add([]byte(header + "\nf 644 1 " + hash + " \"x\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second states.Tree
		if Decode(bytes.NewReader(b), &first) != nil {
			return
		}
		if err := Decode(bytes.NewReader(Encode(&first)), &second); err != nil || !reflect.DeepEqual(first, second) {
			t.Errorf("%+v, %+v, %v", first, second, err)
		}
	})
}
