package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

// issue makes a certificate that is good for so long, and its key.
func issue(t testing.TB, valid time.Duration) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(0x4a1f), Subject: pkix.Name{CommonName: "shop.example.com"}, DNSNames: []string{"shop.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

const (
	day  = 24 * time.Hour
	path = "etc/ssl/shop.pem"
)

func put(text string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		beacontest.Write(t, root, path+".new", text) // as it is done: written whole, then renamed
		if err := os.Rename(filepath.Join(root, path+".new"), filepath.Join(root, path)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConformance(t *testing.T) {
	long, key := issue(t, 90*day)
	other, _ := issue(t, 90*day)
	short, _ := issue(t, 5*day)
	ready := func(kept map[string][]byte) bool { return len(kept) > 0 }
	for _, c := range []beacontest.Case{
		{Name: "replaced", Act: put(other), Tags: []string{"w/replaced"}},
		{Name: "by one that expires", Act: put(short), Tags: []string{"w/replaced", "w/expires"}},
		{Name: "not readable", Act: put("nothing"), Tags: []string{"w/unreadable"}},
		{Name: "removed", Act: func(t *testing.T, root string) { _ = os.Remove(filepath.Join(root, path)) }, Tags: []string{"w/gone"}},
	} {
		c.Config, c.Setup, c.Ready, c.Interval = `w: {files: [/etc/ssl/*.pem]}`, put(long), ready, time.Hour
		beacontest.Run(t, Module(), c)
	}
	beacontest.Run(t, Module(), beacontest.Case{Name: "the key is another's", Config: `w: {files: [/etc/ssl/shop.pem], key: /etc/ssl/shop.key}`, Ready: ready, Interval: time.Hour,
		Setup: func(t *testing.T, root string) {
			beacontest.Write(t, root, "etc/ssl/shop.key", key)
			put(long)(t, root)
		}, Act: put(other), Tags: []string{"w/replaced", "w/mismatch"}})
}

func TestWhatIsTold(t *testing.T) {
	root := t.TempDir()
	short, _ := issue(t, 5*day)
	put(short)(t, root)
	h := beacontest.Start(t, Module(), `w: {files: [/etc/ssl/*.pem]}`, beacons.Env{Root: root})
	d := h.Next("w/expires").Data.(Data)
	if d.Path != "/etc/ssl/shop.pem" || d.Subject != "CN=shop.example.com" || d.Serial != "4a1f" || d.Left < 4*day.Seconds() || d.Left > 5*day.Seconds() || d.Names[0] != "shop.example.com" {
		t.Errorf("%+v", d)
	}
	long, _ := issue(t, 90*day)
	put(long)(t, root)
	if d := h.Next("w/expires/cleared").Data.(Data); d.State != "left" || d.Left < 80*day.Seconds() {
		t.Errorf("%+v", d)
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`w: {}`:                                  `w: want files or endpoints`,
		`w: {endpoints: [example.com]}`:          `w: endpoints: "example.com"; want host:port`,
		`w: {endpoints: ['a:1'], timeout: 1h}`:   `w: timeout: 1h0m0s; want at most 1m0s`,
		`w: {files: [shop.pem]}`:                 `w: files: "shop.pem" is no absolute path`,
		`w: {files: [/a, /b], key: /c}`:          `w: key: "/c"; want an absolute path, and one file`,
		`w: {files: [/a], expires: {below: 5%}}`: "w: expires: 5% is a share",
		`w: {files: [/a], warn: 5d}`:             `unknown key "warn"`,
	} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, _ := issue(f, day)
	f.Add([]byte(text))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, at, err := parse(text); err == nil && (c == nil || at.IsZero()) {
			t.Error("no certificate, and no error")
		}
	})
}
