package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"brine/internal/hostfs"
	"brine/states"
)

// want is what a Managed says, with names looked up.
type want struct {
	attr
	way
	said bool   // source or contents is given, and is to be written
	hash string // SHA-256, hex, of the content
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
	mode := m.Mode
	if mode == keepMode {
		mode = ""
	}
	if w.attr, err = lookupAttr(m.User, m.Group, mode); err != nil {
		return w, err
	}
	if m.Mode == keepMode {
		if w.mode, w.modeSaid = m.Source.Mode.Perm(), true; w.mode == 0 {
			return w, fmt.Errorf("source %q has no mode to keep: it was not compiled by a master that knows of it", m.Source.URL)
		}
	}
	w.way, err = wayOf(m.MakeDirs, w.attr, m.DirMode)
	return w, err
}

// keepMode is the mode that stands for that of the source.
const keepMode = "keep"

// settled takes back what is not to be done now that it is known what is there: replace: false leaves content alone.
func (m *Managed) settled(w want, now seen) want {
	if now.exists && !is(m.Replace, true) {
		w.said, w.hash = false, ""
	}
	return w
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

// errDamaged means that content is not what its hash says.
var errDamaged = errors.New("the content is damaged")

// open gives the wanted content: from the engine, from the SLS, or where none is said from the file itself.
func (m *Managed) open(env states.Env, dir *hostfs.Dir, name string, w want, now seen) (io.ReadCloser, error) {
	switch {
	case w.said && m.Source != nil:
		return env.Content(m.Source.Hash)
	case w.said:
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
