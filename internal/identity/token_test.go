package identity

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func testToken(t testing.TB) (text string, tok Token) {
	t.Helper()
	raw := make([]byte, secretBytes)
	for i := range raw {
		raw[i] = byte(i)
	}
	text, tok, err := NewToken(testKey(t, 1).Fingerprint(), TokenOptions{ID: "web1", Replace: true, Life: time.Hour, By: "ada"}, noon, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return text, tok
}

// specToken is the example of SPEC.md.
const specToken = "brine_join_1_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmf75cegtahjpa566cqklr6m7iqnria72wid3ebjpxuwamxso5dt5yjahtmyb"

func TestTokenText(t *testing.T) {
	text, tok := testToken(t)
	if text != specToken {
		t.Errorf("text\n%s; SPEC.md has\n%s", text, specToken)
	}
	if strings.Contains(tok.Hash+tok.Name, "aaaqeaye") || tok.Name != tok.Hash[:12] || !tok.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("token %+v", tok)
	}
	for _, form := range []string{text, " " + text + "\n", strings.ToUpper(text)} {
		secret, fp, err := ParseToken(form)
		if err != nil || fp != testKey(t, 1).Fingerprint() || !tok.holds(hashSecret(secret)) || len(secret) != secretLen {
			t.Errorf("%q: %q, %s, %v", form, string(secret), fp, err)
		}
	}
}

// TestEveryTypingMistakeIsFound changes, drops, doubles and swaps each character.
func TestEveryTypingMistakeIsFound(t *testing.T) {
	text, _ := testToken(t)
	wrong := func(s string) {
		t.Helper()
		if s == text {
			return
		}
		if _, _, err := ParseToken(s); err == nil {
			t.Errorf("%q passes", s)
		} else if strings.Contains(err.Error(), "aaaqeaye") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
	for i := range text {
		for _, c := range "az27_18 \n" {
			wrong(text[:i] + string(c) + text[i+1:])
		}
		wrong(text[:i] + text[i+1:])
		wrong(text[:i] + text[i:i+1] + text[i:])
		if i > 0 {
			wrong(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:])
		}
	}
}

func TestTokenOptions(t *testing.T) {
	master := testKey(t, 1).Fingerprint()
	cases := []struct {
		name   string
		master Fingerprint
		opt    TokenOptions
		random int
		want   string
	}{
		{"for any", master, TokenOptions{Life: time.Hour}, 24, ""},
		{"the longest life", master, TokenOptions{Life: MaxTokenLife}, 24, ""},
		{"replaces any", master, TokenOptions{Life: time.Hour, Replace: true}, 24, "must name"},
		{"no life", master, TokenOptions{}, 24, "life"},
		{"too long a life", master, TokenOptions{Life: MaxTokenLife + 1}, 24, "life"},
		{"a bad id", master, TokenOptions{ID: "../x", Life: time.Hour}, 24, "minion id"},
		{"no master", "", TokenOptions{Life: time.Hour}, 24, "fingerprint"},
		{"too little random", master, TokenOptions{Life: time.Hour}, 23, "EOF"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := NewToken(c.master, c.opt, noon, bytes.NewReader(make([]byte, c.random)))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want %q", err, c.want)
			}
		})
	}
}

func FuzzToken(f *testing.F) {
	f.Add(specToken)
	f.Add(strings.ToUpper(specToken))
	f.Add("brine_join_1_")
	f.Add(specToken[:60] + "\n" + specToken[60:])
	f.Fuzz(func(t *testing.T, text string) {
		secret, fp, err := ParseToken(text)
		if err != nil {
			return
		}
		if _, err := ParseFingerprint(string(fp)); err != nil || len(secret) != secretLen {
			t.Errorf("secret of %d, %v", len(secret), err)
		}
		raw := append([]byte{}, tokenPrefix...)
		sum, _ := fp.sum()
		body, err := tokenText.DecodeString(strings.ToLower(strings.TrimSpace(text))[len(tokenPrefix):])
		if err != nil || !bytes.Equal(body[secretBytes:secretBytes+32], sum[:]) || len(raw)+96 != len(strings.TrimSpace(text)) {
			t.Errorf("%q reads as %s", text, fp)
		}
	})
}

func FuzzFingerprint(f *testing.F) {
	f.Add("SHA256:vzvE4pMSyqnF9pIoyTLXNvDe0pFDDNhXVIe9VcqgnwY")
	f.Add("SHA256:vzvE4pMSyqnF9pIoyTLXNvDe0pFDDNhXVIe9VcqgnwZ") // bits past the end
	f.Add("sha256:vzvE4pMSyqnF9pIoyTLXNvDe0pFDDNhXVIe9VcqgnwY")
	f.Add("SHA256:vzvE4pMSyqnF9pIoyTLXNvDe0pFDDNhXVIe9Vcqgn\nY")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		fp, err := ParseFingerprint(text)
		if err != nil {
			if fp != "" {
				t.Errorf("an error and %q", string(fp))
			}
			return
		}
		sum, err := fp.sum()
		if err != nil || fingerprintOfSum(sum) != fp || string(fp) != strings.TrimSpace(text) {
			t.Errorf("%q reads as %q, which is %q", text, string(fp), string(fingerprintOfSum(sum)))
		}
	})
}

func TestFingerprintText(t *testing.T) {
	good := string(fpOf(1))
	for text, ok := range map[string]bool{
		good: true, " " + good + "\n": true,
		"": false, good[:49]: false, good + "A": false, strings.ToLower(good[:7]) + good[7:]: false,
		good[:49] + "B": false, good[:49] + "=": false, good[:20] + "\n" + good[21:]: false, "MD5:00": false,
	} {
		if _, err := ParseFingerprint(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	var fp Fingerprint
	if err := fp.UnmarshalText([]byte(good)); err != nil || string(fp) != good {
		t.Errorf("%s, %v", fp, err)
	}
	if err := fp.UnmarshalText(nil); err != nil || fp != "" {
		t.Errorf("%s, %v", fp, err)
	}
	if err := fp.UnmarshalText([]byte("x")); err == nil {
		t.Error("nonsense passes")
	}
}
