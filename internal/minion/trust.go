package minion

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"brine/internal/identity"

	"github.com/google/renameio/v2"
)

// trust knows which master this minion belongs to: from its configuration, from a join token, or from the first one it met.
type trust struct {
	pinned []identity.Fingerprint
	first  bool   // trust_on_first_use
	file   string // where the fingerprint of a first meeting is kept
}

func loadTrust(c *Config) (*trust, error) {
	t := &trust{first: c.TrustOnFirstUse, file: filepath.Join(c.DataDir, "master.fingerprint")}
	for _, f := range c.MasterFingerprint {
		fp, err := identity.ParseFingerprint(f)
		if err != nil {
			return nil, err
		}
		t.pinned = append(t.pinned, fp)
	}
	if c.JoinToken != "" {
		_, fp, err := identity.ParseToken(c.JoinToken)
		if err != nil {
			return nil, fmt.Errorf("join_token: %w", err)
		}
		t.pinned = append(t.pinned, fp)
	}
	if len(t.pinned) > 0 {
		return t, nil
	}
	text, err := os.ReadFile(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	fp, err := identity.ParseFingerprint(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.file, err)
	}
	t.pinned = append(t.pinned, fp)
	return t, nil
}

// check decides whether the key is the master's. TLS asks before the key is proved, so it only looks.
func (t *trust) check(fp identity.Fingerprint) error {
	for _, p := range t.pinned {
		if p == fp {
			return nil
		}
	}
	if len(t.pinned) == 0 && t.first {
		return nil
	}
	return &identity.ErrWrongMaster{Presented: fp, Expected: t.pinned}
}

// keep remembers the key of the first master met, now that it is proved.
func (t *trust) keep(fp identity.Fingerprint) error {
	if len(t.pinned) > 0 {
		return nil
	}
	if err := renameio.WriteFile(t.file, []byte(string(fp)+"\n"), 0o600); err != nil {
		return fmt.Errorf("keeping the master's fingerprint: %w", err)
	}
	t.pinned = append(t.pinned, fp)
	return nil
}
