package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "minion.key")
	if _, err := LoadKey(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	var wg sync.WaitGroup
	keys := make([]Key, 8)
	for i := range keys { // as a daemon and the CLI may, at once
		wg.Go(func() {
			var err error
			if keys[i], err = LoadOrCreate(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k.Fingerprint() != keys[0].Fingerprint() || k.Fingerprint() == "" {
			t.Fatalf("two keys: %s, %s", k, keys[0])
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	again, err := LoadKey(path)
	if err != nil || again.Fingerprint() != keys[0].Fingerprint() || !bytes.Equal(again.cert.Certificate[0], keys[0].cert.Certificate[0]) {
		t.Errorf("read again: %s, %v", again, err)
	}
}

func TestKeyFileIsRefusedAndKept(t *testing.T) {
	good := func(t *testing.T) []byte {
		path := filepath.Join(t.TempDir(), "k")
		if _, err := LoadOrCreate(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	ecPEM := pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
	cases := []struct {
		name string
		mode fs.FileMode
		text func([]byte) []byte
		want string
		hint string
	}{
		{"others may read it", 0o644, func(b []byte) []byte { return b }, "mode 0644", "chmod 600"},
		{"its group may write it", 0o620, func(b []byte) []byte { return b }, "mode 0620", "chmod 600"},
		{"empty", 0o600, func([]byte) []byte { return nil }, "damaged", "backup"},
		{"torn", 0o600, func(b []byte) []byte { return b[:60] }, "damaged", "backup"},
		{"a flipped letter", 0o600, func(b []byte) []byte { return bytes.Replace(b, []byte("MC4"), []byte("MD4"), 1) }, "damaged", "backup"},
		{"two keys", 0o600, func(b []byte) []byte { return append(b, b...) }, "follows", "backup"},
		{"another algorithm", 0o600, func([]byte) []byte { return ecPEM }, "want an Ed25519 key", "backup"},
		{"too long", 0o600, func(b []byte) []byte { return append(b, bytes.Repeat([]byte("\n"), MaxKeyFile)...) }, "more than", "backup"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "k")
			text := c.text(good(t))
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreate(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || !strings.Contains(Hint(err), c.hint) {
				t.Errorf("got %v (hint %q)", err, Hint(err))
			}
			if now, _ := os.ReadFile(path); !bytes.Equal(now, text) {
				t.Error("the file was written to")
			}
		})
	}
	if _, err := LoadOrCreate(t.TempDir()); err == nil {
		t.Error("a folder is a key")
	}
	if _, err := LoadOrCreate(filepath.Join(t.TempDir(), "no", "such")); err == nil {
		t.Error("a key in no folder")
	}
	dangling := filepath.Join(t.TempDir(), "k")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreate(dangling); err == nil {
		t.Error("a key behind a link to nowhere")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	k := testKey(t, 0xab)
	secret := Secret("sesame")
	q := Request{ID: "a", Token: secret}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("x", "key", k, "secret", secret, "request", q)
	}
	all := log.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %#v %q %v", k, k, k, k, secret, secret, secret, secret, q) + fmt.Sprintf("%+v %#v", q, q)
	for _, leak := range []string{"sesame", "abab", "171 171", "0xab", "171,171"} {
		if strings.Contains(all, leak) {
			t.Errorf("%q leaks in %s", leak, all)
		}
	}
}

// TestKnownKey holds the formats against RFC 8410, 10.3, whose key has this public half.
func TestKnownKey(t *testing.T) {
	key, err := parseKey([]byte("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := hex.DecodeString("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")
	if err != nil {
		t.Fatal(err)
	}
	want, err := FingerprintOf(public)
	if err != nil || key.Fingerprint() != want {
		t.Errorf("%s, want %s, %v", key.Fingerprint(), want, err)
	}
	if _, err := FingerprintOf(public[:31]); err == nil {
		t.Error("a short key has a fingerprint")
	}
}

// TestWeakKeysProveNothing forges a signature for each listed key without a secret: R is a point of the list, s is 0.
func TestWeakKeysProveNothing(t *testing.T) {
	for _, text := range smallOrder {
		public, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if !weak(public) {
			t.Errorf("%s passes", text)
		}
		if !forged(t, public) {
			t.Errorf("%s: no forgery found; is it of small order?", text)
		}
		public[31] |= 0x80
		if !weak(public) {
			t.Errorf("%s with a sign passes", text)
		}
	}
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if weak(public) || forged(t, public) {
		t.Error("a good key is weak")
	}
}

func forged(t *testing.T, public ed25519.PublicKey) bool {
	for i := range byte(200) {
		for _, text := range smallOrder {
			for _, sign := range []byte{0, 0x80} {
				sig := make([]byte, ed25519.SignatureSize)
				if _, err := hex.Decode(sig, []byte(text)); err != nil {
					t.Fatal(err)
				}
				sig[31] |= sign
				if ed25519.Verify(public, []byte{i}, sig) {
					return true
				}
			}
		}
	}
	return false
}
