package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"brine/internal/hostfs"
	"brine/states"
)

// want is what a Managed says, with names looked up.
type want struct {
	said     bool   // source or contents is given
	hash     string // SHA-256, hex, of the content
	uid, gid int    // -1: not said
	mode     fs.FileMode
	modeSaid bool
}

func (m *Managed) want() (w want, err error) {
	switch {
	case m.Source != nil:
		if len(m.Source.Hash) != 2*sha256.Size {
			return w, fmt.Errorf("source %q has no hash: it was not compiled by a master", m.Source.URL)
		}
		w.said, w.hash = true, m.Source.Hash
	case m.Contents != nil:
		sum := sha256.Sum256(m.Contents.bytes())
		w.said, w.hash = true, hex.EncodeToString(sum[:])
	}
	if w.mode, w.modeSaid, err = parseMode(m.Mode); err != nil {
		return w, err
	}
	if w.uid, err = userID(m.User); err != nil {
		return w, err
	}
	w.gid, err = groupID(m.Group)
	return w, err
}

// result is what a file will be, with nothing left open.
type result struct {
	uid, gid int
	mode     fs.FileMode
}

// over fills in what is not said: from the file that is there, or as a new file has it. What belongs to a symlink says
// nothing about the file that replaces it.
func (w want) over(now seen) result {
	r := result{mode: defaultMode}
	r.uid, r.gid = ownIDs()
	if now.exists && now.IsRegular() {
		r.uid, r.gid, r.mode = now.UID, now.GID, now.Mode&^fs.ModeType
	}
	if w.uid >= 0 {
		r.uid = w.uid
	}
	if w.gid >= 0 {
		r.gid = w.gid
	}
	if w.modeSaid {
		r.mode = w.mode
	}
	return r
}

// hashOver is the hash of the content in the end.
func (w want) hashOver(now seen) string {
	switch {
	case w.said:
		return w.hash
	case now.exists:
		return now.SHA256
	}
	return emptyHash
}

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (r result) expected(hash string) states.Expected {
	return states.Expected{SHA256: hash, Mode: r.mode, UID: r.uid, GID: r.gid}
}

// errDamaged means that content is not what its hash says.
var errDamaged = errors.New("the content is damaged")

// open gives the wanted content: from the engine, from the SLS, or where none is said from the file itself.
func (m *Managed) open(env states.Env, dir *hostfs.Dir, name string, now seen) (io.ReadCloser, error) {
	switch {
	case m.Source != nil:
		return env.Content(m.Source.Hash)
	case m.Contents != nil:
		return io.NopCloser(bytes.NewReader(m.Contents.bytes())), nil
	case now.exists:
		f, _, err := dir.Open(name)
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	return io.NopCloser(bytes.NewReader(nil)), nil
}

// fill copies the content into w and verifies it on the way.
func fill(ctx context.Context, w io.Writer, r io.Reader, hash string) error {
	h := sha256.New()
	if _, err := hostfs.Copy(ctx, io.MultiWriter(w, h), r); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != hash {
		return fmt.Errorf("%w: its hash is %s instead of %s", errDamaged, got, hash)
	}
	return nil
}
