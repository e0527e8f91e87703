package event

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type outer struct {
	Inner Item `json:"inner,omitzero"`
	Must  Item `json:"must"`
}

func TestDataInDataIsReadable(t *testing.T) {
	inner, err := Encode(map[string]any{"a": 1, "b": []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		v    outer
		json string
	}{
		{"a payload", outer{Item(inner), Item(inner)}, `{"inner":{"a":1,"b":["x"]},"must":{"a":1,"b":["x"]}}`},
		{"none", outer{}, `{"must":null}`},
		{"what is no CBOR", outer{Must: Item{0xff, 0x01}}, `{"must":"base64:/wE="}`},
	} {
		d, err := Encode(tt.v)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if text, err := d.MarshalJSON(); err != nil || string(text) != tt.json {
			t.Errorf("%s: %s, %v", tt.name, text, err)
		}
		var back outer
		if err := d.Decode(&back); err != nil || !bytes.Equal(back.Inner, tt.v.Inner) || !bytes.Equal(back.Must, tt.v.Must) {
			t.Errorf("%s: back %x, %v", tt.name, back, err)
		}
	}
	old, err := cbor.Marshal(map[string][]byte{"must": inner})
	if err != nil {
		t.Fatal(err)
	}
	var back outer
	if err := Data(old).Decode(&back); err != nil || !bytes.Equal(back.Must, inner) {
		t.Errorf("as earlier versions wrote it: %x, %v", back.Must, err)
	}
}

func FuzzDataInData(f *testing.F) {
	f.Add([]byte{0xa1, 0x64, 'm', 'u', 's', 't', 0xa0})
	f.Add([]byte{0xa1, 0x64, 'm', 'u', 's', 't', 0x41, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var o outer
		if Data(b).Decode(&o) != nil {
			return
		}
		d, err := Encode(o)
		if err != nil {
			return // past the limits once more
		}
		var back outer
		if err := d.Decode(&back); err != nil || !bytes.Equal(back.Must, o.Must) && len(o.Must) > 0 && o.Must[0]>>5 != cborBytes && o.Must[0] != cborNull {
			t.Errorf("%x became %x: %v", o.Must, back.Must, err)
		}
	})
}
