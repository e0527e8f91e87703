package wire

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		if !v.isEvent && len(v.bytes) < 4096 {
			f.Add(v.bytes)
		}
	}
	for _, m := range messages() {
		b, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		verdict(t, b, false)
		if !bytes.Equal(before, b) {
			t.Error("the input was changed")
		}
		if m, err := Decode(b); err == nil {
			out, err := Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Decode(out)
			if err != nil || !reflect.DeepEqual(normal(t, m), normal(t, again)) {
				t.Fatalf("%+v became %+v, %v", m, again, err)
			}
		}
	})
}

// normal is the message as its encoding, in which an empty list and none are the same.
func normal(t *testing.T, m Message) []byte {
	b, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzDecodeEvent(f *testing.F) {
	for _, v := range vectors(f) {
		if v.isEvent && len(v.bytes) < 4096 {
			f.Add(v.bytes)
		}
	}
	f.Add([]byte(EncodeEvent(fullEvent())))
	f.Fuzz(func(t *testing.T, b []byte) {
		if verdict(t, b, true) != "ok" {
			return
		}
		e, err := DecodeEvent(b)
		if err != nil {
			t.Fatal(err)
		}
		library(t, b, e)
	})
}

// library reads with fxamacker/cbor, which must find the same in all that the codec takes.
func library(t *testing.T, b []byte, e Event) {
	t.Helper()
	mode, err := cbor.DecOptions{TextUnmarshaler: cbor.TextUnmarshalerTextString, DupMapKey: cbor.DupMapKeyEnforcedAPF}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	var other Event
	if err := mode.Unmarshal(b, &other); err != nil {
		t.Fatalf("the library refuses it: %v", err)
	}
	if len(other.Causes) == 0 {
		other.Causes = nil
	}
	if d := cmp.Diff(e, other); d != "" {
		t.Fatalf("codec (-) and library (+):\n%s", d)
	}
}

// The hand-written encoding of events is the library's, byte by byte.
func TestEncodeEventAsTheLibraryDoes(t *testing.T) {
	mode, err := encMode()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Event{fullEvent(), {Seq: 1, Tag: "a"}, {Seq: 1 << 40, Time: 1 << 60, Tag: string(bytes.Repeat([]byte("a"), 300)), Depth: 24, Data: make([]byte, 70000)}} {
		want, err := mode.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := EncodeEvent(e); !bytes.Equal(got, want) {
			t.Errorf("%x\nwant %x", got[:40], want[:40])
		}
		library(t, want, e)
	}
}
