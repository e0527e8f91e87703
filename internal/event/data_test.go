package event

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type sample struct {
	Path  string    `json:"path"`
	Size  int64     `json:"size"`
	Gone  *string   `json:"gone"`
	When  time.Time `json:"when"`
	Cause ID        `json:"cause"`
	Blob  []byte    `json:"blob,omitempty"`
}

func TestDataRoundTrip(t *testing.T) {
	want := sample{"/etc/motd", math.MaxInt64, nil, time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC), ID{"web1", 7, 9}, []byte{0, 255}}
	d, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	var got sample
	if err := d.Decode(&got); err != nil || cmp.Diff(want, got) != "" {
		t.Error(err, cmp.Diff(want, got))
	}
	text, err := json.Marshal(d)
	const shown = `{"blob":"base64:AP8=","cause":"web1:aaaaaaah:9","gone":null,"path":"/etc/motd","size":9223372036854775807,"when":"2026-11-01T02:03:04.000000005Z"}`
	if err != nil || string(text) != shown {
		t.Errorf("%s, %v", text, err)
	}
	again, err := FromJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := again.Value(); v.(map[string]any)["size"] != int64(math.MaxInt64) {
		t.Errorf("%v", v)
	}
}

func TestEncodeIsDeterministic(t *testing.T) {
	m := map[string]any{}
	for _, k := range strings.Split("q w e r t y u i o p a s d f", " ") {
		m[k] = map[string]any{k: 1, "x": 2}
	}
	first, _ := Encode(m)
	for range 20 {
		if next, _ := Encode(m); !bytes.Equal(first, next) {
			t.Fatal("two encodings of one value")
		}
	}
}

func TestEncodeRefusesWhatNobodyCouldRead(t *testing.T) {
	deep := any(1)
	for range 17 {
		deep = []any{deep}
	}
	for what, v := range map[string]any{"NaN": math.NaN(), "infinity": math.Inf(1), "depth": deep, "a list too long": make([]int, 65537), "size": strings.Repeat("x", MaxData),
		"a function": func() {}, "in a map": map[string]any{"a": math.NaN()}} {
		if d, err := Encode(v); err == nil {
			t.Errorf("%s: %d bytes", what, len(d))
		}
	}
}

// File names need not be UTF-8; an event about one must not be unreadable for that.
func TestEncodeMendsText(t *testing.T) {
	d, err := Encode(map[string]any{"p": "/a\xffb", "q": []string{"\xc3"}, "r": bytes.Repeat([]byte{0xff}, 300), "s": strings.Repeat("é", 200), "n": 1.5, "\xfe": -70000})
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Value()
	want := map[string]any{"p": "/a\uFFFDb", "q": []any{"\uFFFD"}, "r": bytes.Repeat([]byte{0xff}, 300), "s": strings.Repeat("é", 200), "n": 1.5, "\uFFFD": int64(-70000)}
	if err != nil || cmp.Diff(want, v) != "" {
		t.Error(err, cmp.Diff(want, v))
	}
}

func TestHostileData(t *testing.T) {
	for what, text := range map[string]string{
		"cut short": "a1", "two items": "0101", "indefinite": "bf6161 01ff", "a tag": "c100", "key twice": "a2616101616102", "key no text": "a10101", "text no UTF-8": "61ff",
		"NaN": "f97e00", "infinity": "f97c00", "simple value": "e0", "simple value 255": "f8ff", "past int64": "1bffffffffffffffff", "below int64": "3bffffffffffffffff",
		"a list that claims much": "9affffffff", "text that claims much": "7bffffffffffffffff", "reserved": "1c", "break": "ff",
		"deep": strings.Repeat("81", 17) + "01", "too large": "5a00040000" + strings.Repeat("00", MaxData),
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		d := Data(b)
		if d.Valid() == nil {
			t.Errorf("%s is valid", what)
		}
		if shown, err := json.Marshal(d); err != nil || !strings.HasPrefix(string(shown), `{"unreadable":"`) {
			t.Errorf("%s: %s, %v", what, shown, err)
		}
	}
}

func TestBytesAreShownAsText(t *testing.T) {
	d, _ := Encode(map[string]any{"text": []byte("héllo\n"), "bin": []byte{0, 1}, "in": []any{[]byte("x")}, "none": []byte{}})
	got, err := json.Marshal(d)
	if want := `{"bin":"base64:AAE=","in":["x"],"none":"","text":"héllo\n"}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

func TestParseJSON(t *testing.T) {
	v, err := ParseJSON([]byte(`{"i": 9007199254740993, "f": 1.5, "big": 18446744073709551616, "l": [1, null, true]}`))
	want := map[string]any{"i": int64(9007199254740993), "f": 1.5, "big": 18446744073709551616.0, "l": []any{int64(1), nil, true}}
	if err != nil || cmp.Diff(want, v) != "" {
		t.Error(err, cmp.Diff(want, v))
	}
	for _, bad := range []string{"", "{", "1 2", "{} x", "1e999", "[1e999]", `{"a": -1e999}`} {
		if v, err := ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, v)
		}
	}
}

func TestEventJSON(t *testing.T) {
	data, _ := Encode(map[string]any{"a": 1})
	at := time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC)
	e := Event{ID: ID{"web1", 7, 9}, Pos: 3, Time: at, Received: at, Tag: "a/b", Minion: "web1", Causes: []ID{{Master, 7, 1}}, Depth: 1, Data: data}
	text, err := json.Marshal(e)
	const want = `{"id":"web1:aaaaaaah:9","pos":3,"time":"2026-11-01T02:03:04.000000005Z","received":"2026-11-01T02:03:04.000000005Z","tag":"a/b",` +
		`"minion":"web1","causes":["@master:aaaaaaah:1"],"depth":1,"own":false,"data":{"a":1}}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	var back Event
	if err := json.Unmarshal(text, &back); err != nil || cmp.Diff(e, back) != "" {
		t.Error(err, cmp.Diff(e, back))
	}
}

func FuzzData(f *testing.F) {
	for _, s := range []string{"", "a0", "a1616101", "f97e00", "61ff", "5bffffffffffffffff", "818181", "c249010000000000000000", "fb7ff0000000000000", "f8ff", "bfff"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := Data(b)
		shown, err := json.Marshal(d)
		if err != nil || !json.Valid(shown) {
			t.Fatalf("%x: %s, %v", b, shown, err)
		}
		textIsUTF8(b)
		v, err := d.Value()
		if err != nil || v == nil { // nothing to encode: no payload
			return
		}
		again, err := Encode(v)
		if err != nil {
			if len(b) > MaxData/2 {
				return // floats may grow
			}
			t.Fatalf("%x reads as %v, and that cannot be written: %v", b, v, err)
		}
		if w, err := again.Value(); err != nil || !cmp.Equal(v, w) {
			t.Fatalf("%x: %v, then %v, %v", b, v, w, err)
		}
		back, err := FromJSON(shown)
		if err != nil {
			t.Fatalf("%x: %s: %v", b, shown, err)
		}
		if twice, err := json.Marshal(back); err != nil || !bytes.Equal(shown, twice) {
			t.Fatalf("%s, then %s, %v", shown, twice, err)
		}
	})
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"a": [1, 2.5, "x", null, true]}`))
	f.Add([]byte(`1e999`))
	f.Add([]byte("\"\xff\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := FromJSON(text); err == nil && d.Valid() != nil {
			t.Errorf("%s: %v", text, d.Valid())
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	s := sample{Path: "/etc/motd", Size: 123, Blob: make([]byte, 200)}
	for b.Loop() {
		if _, err := Encode(s); err != nil {
			b.Fatal(err)
		}
	}
}
