package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// replaceSource puts a content in place of that of a source, in one step, with the operator's own rights. Mode and, as far as the operator
// may, owner stay. was is the hash of what is replaced: where the file holds something else by now, it is left alone.
func replaceSource(name, was string, content []byte) error {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	old, err := os.ReadFile(real)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if sum := sha256.Sum256(old); hex.EncodeToString(sum[:]) != was {
		return failf("look at it once more", "the source %s has changed meanwhile", name)
	}
	info, err := os.Stat(real)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(real), ".brine-adopt-*")
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it has its name
	_, err = f.Write(content)
	if st, ok := info.Sys().(*syscall.Stat_t); ok && err == nil && (int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid()) {
		if os.Geteuid() == 0 {
			err = f.Chown(int(st.Uid), int(st.Gid))
		} else {
			_ = f.Chown(-1, int(st.Gid)) // who is not root makes the file his own, as any editor does
		}
	}
	err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), real)
	}
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	return nil
}
