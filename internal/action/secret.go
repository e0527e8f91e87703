package action

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxSecret bounds the file of a secret, in bytes.
const maxSecret = 64 << 10

// Secret reads a secret from its file, at each use, so that a new one is in force at once. A line end behind it is not part of it.
func (h Host) Secret(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%q is not absolute", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o004 != 0 && h.Log != nil {
		h.Log.Warn("a secret can be read by everybody on this host", "file", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" || len(text) > maxSecret {
		return "", fmt.Errorf("%q has %d bytes; want a secret of 1 to %d", path, len(text), maxSecret)
	}
	return secret, nil
}
