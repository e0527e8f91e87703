// Package manifest is the text that lists a large tree of files: what a state names by hash instead of carrying it. It owns the format and its
// bounds, and must never know where a manifest comes from or what becomes of the files.
//
// The first line is "brine-manifest 1". Then one line for each folder, "d PATH", and for each file, "f MODE SIZE HASH PATH": the mode in octal, the
// size in bytes, SHA-256 in hex, and the path below the tree in double quotes, with Go's escapes.
package manifest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"brine/states"
)

// Bounds of a tree. All of it is held in memory, some 300 bytes for each, while its state runs.
const (
	MaxFiles = 65536
	MaxDirs  = 65536
	MaxBytes = 64 << 20 // of the text
	maxLine  = 16 << 10 // bytes; a path has at most 4096, which escapes may make four times as long
)

const header = "brine-manifest 1"

// ErrMalformed is returned for what is no manifest, or one past its bounds.
var ErrMalformed = errors.New("the list of files is malformed")

// Encode writes what a tree holds.
func Encode(t *states.Tree) []byte {
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for _, d := range t.Dirs {
		fmt.Fprintf(&b, "d %q\n", d)
	}
	for _, f := range t.Files {
		fmt.Fprintf(&b, "f %o %d %s %q\n", f.Mode.Perm(), f.Size, f.Hash, f.Path)
	}
	return b.Bytes()
}

// Decode reads it into a tree, and leaves the tree as it was where that cannot be done.
func Decode(r io.Reader, t *states.Tree) error {
	lines := bufio.NewScanner(io.LimitReader(r, MaxBytes+1))
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	var dirs []string
	var files []states.TreeFile
	for n := 1; lines.Scan(); n++ {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		var err error
		switch {
		case n == 1:
			if lines.Text() != header {
				err = errors.New("it has another heading")
			}
		case kind == "d" && len(dirs) < MaxDirs:
			var d string
			d, err = strconv.Unquote(rest)
			dirs = append(dirs, d)
		case kind == "f" && len(files) < MaxFiles:
			var f states.TreeFile
			f, err = parseFile(rest)
			files = append(files, f)
		default:
			err = errors.New("it is none of a list, or one too many")
		}
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrMalformed, n, err)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	} else if err != nil {
		return err // of reading
	}
	if dirs == nil && files == nil {
		return fmt.Errorf("%w: it is empty", ErrMalformed)
	}
	t.Dirs, t.Files = dirs, files
	return nil
}

func parseFile(s string) (f states.TreeFile, err error) {
	parts := strings.SplitN(s, " ", 4)
	if len(parts) != 4 {
		return f, errors.New("a file has a mode, a size, a hash and a path")
	}
	mode, err := strconv.ParseUint(parts[0], 8, 32)
	if err != nil || mode > 0o777 {
		return f, fmt.Errorf("mode %q", parts[0])
	}
	f.Mode = fs.FileMode(mode)
	if f.Size, err = strconv.ParseInt(parts[1], 10, 64); err != nil || f.Size < 0 {
		return f, fmt.Errorf("size %q", parts[1])
	}
	if b, err := hex.DecodeString(parts[2]); err != nil || len(b) != 32 || strings.ToLower(parts[2]) != parts[2] {
		return f, fmt.Errorf("hash %q", parts[2])
	}
	f.Hash = parts[2]
	f.Path, err = strconv.Unquote(parts[3])
	return f, err
}
