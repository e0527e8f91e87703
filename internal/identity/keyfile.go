package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// MaxKeyFile bounds the file of a key, in bytes. One that Brine wrote has 119.
const MaxKeyFile = 4096

const pemType = "PRIVATE KEY" // PKCS#8 (RFC 5958) as PEM (RFC 7468)

// LoadOrCreate reads the key at path or, where there is no file, makes one. The folder must exist. A file that is
// there is never written to: one that is damaged, or that others may read, is an error.
func LoadOrCreate(path string) (Key, error) {
	key, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key, err = NewKey(rand.Reader)
	if err != nil {
		return Key{}, err
	}
	if err := writeKey(path, key); err == nil {
		return key, nil
	} else if !errors.Is(err, fs.ErrExist) {
		return Key{}, fmt.Errorf("key %s: %w", path, err)
	}
	return LoadKey(path) // another process was first
}

// LoadKey reads the key at path. It returns fs.ErrNotExist when there is none, and an error with a Hint when
// anybody but the owner may touch the file.
func LoadKey(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, fmt.Errorf("key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Key{}, fmt.Errorf("key %s: is no regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Key{}, &hinted{
			err:  fmt.Errorf("key %s: mode %#o lets others at it", path, mode),
			hint: fmt.Sprintf("chmod 600 %s; if somebody may have read it, move it away: a new key is made, to be accepted anew", path),
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxKeyFile+1))
	if err != nil {
		return Key{}, fmt.Errorf("key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return Key{}, &hinted{
			err:  fmt.Errorf("key %s is damaged: %w", path, err),
			hint: "restore it from a backup, or move it away: a new key is made, to be accepted anew",
		}
	}
	return key, nil
}

func parseKey(text []byte) (Key, error) {
	if len(text) > MaxKeyFile {
		return Key{}, fmt.Errorf("more than %d bytes", MaxKeyFile)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return Key{}, fmt.Errorf("no PEM block %q", pemType)
	}
	for _, c := range rest {
		if c != '\n' && c != '\r' && c != ' ' && c != '\t' {
			return Key{}, fmt.Errorf("something follows the PEM block")
		}
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, err
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Key{}, fmt.Errorf("holds a %T; want an Ed25519 key", parsed)
	}
	return keyOf(private)
}

// writeKey makes the file whole and synced, or not at all. It returns fs.ErrExist when path is there already: it links the finished
// file to its name, because a rename would replace what another process has just made.
func writeKey(path string, key Key) (err error) {
	der, err := x509.MarshalPKCS8PrivateKey(key.private)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".brine-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: pemType, Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
