package identity

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"brine/internal/event"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of SPEC.md.
const (
	specRequest = "a4 01 64 77656231 03 65 302e312e30 04 01 05 4b a1 62 6f73 66 64656269616e"
	specVerdict = "a3 01 67 70656e64696e67 02 65 7761697473 03 63 61736b"
)

func TestSpecExamples(t *testing.T) {
	grains, err := event.Encode(map[string]any{"os": "debian"})
	if err != nil {
		t.Fatal(err)
	}
	q := Request{ID: "web1", Version: "0.1.0", Proto: 1, Grains: grains}
	if b, err := EncodeRequest(q); err != nil || !bytes.Equal(b, unhex(t, specRequest)) {
		t.Errorf("request\n% x; SPEC.md has\n% x, %v", b, unhex(t, specRequest), err)
	}
	if got, err := DecodeRequest(unhex(t, specRequest)); err != nil || !reflect.DeepEqual(got, q) {
		t.Errorf("request %+v, %v", got, err)
	}
	v := Verdict{VerdictPending, "waits", "ask"}
	if b, err := EncodeVerdict(v); err != nil || !bytes.Equal(b, unhex(t, specVerdict)) {
		t.Errorf("verdict\n% x; SPEC.md has\n% x, %v", b, unhex(t, specVerdict), err)
	}
	if got, err := DecodeVerdict(unhex(t, specVerdict)); err != nil || got != v {
		t.Errorf("verdict %+v, %v", got, err)
	}
}

// request makes the bytes of a map from keys to values, as any program might.
func request(t testing.TB, change map[any]any) []byte {
	t.Helper()
	m := map[any]any{1: "web1", 4: 1}
	for k, v := range change {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	b, err := cbor.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func requestCases(t testing.TB) map[string][]byte {
	deep := bytes.Repeat([]byte{0x81}, 40)
	return map[string][]byte{
		"empty":                          {},
		"null":                           unhex(t, "f6"),
		"an array in the map's place":    unhex(t, "84 64 77656231 60 60 01"),
		"trailing bytes":                 append(request(t, nil), 0),
		"torn":                           request(t, nil)[:5],
		"a key twice":                    unhex(t, "a3 01 64 77656231 01 64 77656232 04 01"),
		"indefinite length":              unhex(t, "bf 01 64 77656231 04 01 ff"),
		"a tag":                          unhex(t, "a2 01 c0 64 77656231 04 01"),
		"no id":                          request(t, map[any]any{1: nil}),
		"an id with a slash":             request(t, map[any]any{1: "a/b"}),
		"an id that is a number":         request(t, map[any]any{1: 7}),
		"no protocol":                    request(t, map[any]any{4: nil}),
		"protocol 0":                     request(t, map[any]any{4: 0}),
		"protocol 256":                   request(t, map[any]any{4: 256}),
		"protocol -1":                    request(t, map[any]any{4: -1}),
		"a long secret":                  request(t, map[any]any{2: strings.Repeat("a", 40)}),
		"a long version":                 request(t, map[any]any{3: strings.Repeat("1", 65)}),
		"a version with an escape":       request(t, map[any]any{3: "1\x1b[2J"}),
		"a version written backwards":    request(t, map[any]any{3: "1\u202e2"}),
		"a version that is not UTF-8":    unhex(t, "a3 01 64 77656231 03 61 ff 04 01"),
		"grains that are no byte string": request(t, map[any]any{5: map[string]int{"a": 1}}),
		"grains that are no CBOR":        request(t, map[any]any{5: []byte{0xff}}),
		"grains that are no map":         request(t, map[any]any{5: []byte{0x01}}),
		"grains too deep":                request(t, map[any]any{5: append(append([]byte{0xa1, 0x61, 0x61}, deep...), 1)}),
		"an unknown key too deep":        request(t, map[any]any{9: cbor.RawMessage(append(append([]byte{}, deep...), 1))}),
		"an unknown key too wide":        request(t, map[any]any{9: make([]int, 17)}),
		"a map that claims 2^62 pairs":   unhex(t, "bb 4000000000000000 01"),
		"too long":                       request(t, map[any]any{9: make([]byte, MaxRequest)}),
	}
}

func TestRequestIsRefused(t *testing.T) {
	for name, b := range requestCases(t) {
		if q, err := DecodeRequest(b); err == nil {
			t.Errorf("%s: passes as %+v", name, q)
		}
	}
	for name, b := range map[string][]byte{
		"plain":              request(t, nil),
		"a number unknown":   request(t, map[any]any{99: "later"}),
		"a name unknown":     request(t, map[any]any{"x": []int{1}}),
		"grains of an empty": request(t, map[any]any{5: []byte{0xa0}}),
	} {
		if q, err := DecodeRequest(b); err != nil || q.ID != "web1" {
			t.Errorf("%s: %+v, %v", name, q, err)
		}
	}
}

func TestVerdictIsRefused(t *testing.T) {
	for name, m := range map[string]map[int]any{
		"no status":           {2: "x"},
		"another status":      {1: "maybe"},
		"a long reason":       {1: "denied", 2: strings.Repeat("x", MaxReason+1)},
		"a reason of 2 lines": {1: "denied", 2: "a\nb"},
		"a hint with escapes": {1: "denied", 3: "\x1b]0;x\a"},
		"a numeric status":    {1: 1},
	} {
		b, err := cbor.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := DecodeVerdict(b); err == nil {
			t.Errorf("%s: passes as %+v", name, v)
		}
	}
	if _, err := EncodeVerdict(Verdict{Status: "maybe"}); err == nil {
		t.Error("another status can be sent")
	}
}

func TestGrainsThatDoNotFitAreLeftOut(t *testing.T) {
	grains, err := event.Encode(map[string]any{"long": strings.Repeat("x", MaxRequest)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := EncodeRequest(Request{ID: "web1", Proto: 1, Grains: grains})
	if err != nil {
		t.Fatal(err)
	}
	if q, err := DecodeRequest(b); err != nil || q.Grains != nil || q.ID != "web1" {
		t.Errorf("%+v, %v", q, err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(unhex(f, specRequest))
	for _, b := range requestCases(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := DecodeRequest(b)
		if err != nil {
			return
		}
		again, err := EncodeRequest(q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if r, err := DecodeRequest(again); err != nil || r.ID != q.ID || r.Token != q.Token || r.Version != q.Version || r.Proto != q.Proto || !bytes.Equal(r.Grains, q.Grains) {
			t.Errorf("%+v comes back as %+v, %v", q, r, err)
		}
		reg, _ := NewRegistry(nil, nil)
		v, changes := reg.Enrol(noon, fpOf(1), "192.0.2.1:1", q)
		if _, err := EncodeVerdict(v); err != nil {
			t.Errorf("verdict %+v: %v", v, err)
		}
		for _, c := range changes {
			if _, _, _, _, err := c.Put(); err != nil {
				t.Error(err)
			}
			if tag, data, ok := c.Event(); ok {
				if _, err := event.Encode(data); err != nil || event.CheckTag(tag) != nil {
					t.Errorf("event %q: %v", tag, err)
				}
			}
		}
	})
}

func FuzzVerdict(f *testing.F) {
	f.Add(unhex(f, specVerdict))
	f.Add(unhex(f, "a1 01 68 6163636570746564"))
	f.Add(unhex(f, "f6"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeVerdict(b)
		if err != nil {
			return
		}
		again, err := EncodeVerdict(v)
		if err != nil {
			t.Fatalf("%+v: %v", v, err)
		}
		if w, err := DecodeVerdict(again); err != nil || w != v {
			t.Errorf("%+v comes back as %+v, %v", v, w, err)
		}
	})
}
