package linux

import (
	"net/netip"
	"os"
	"runtime"
	"testing"
	"unicode/utf8"
)

func TestLoginRecords(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the records were captured on amd64")
	}
	for _, tt := range []struct {
		file string
		want []LoginRecord
	}{
		{"wtmp", []LoginRecord{{Kind: LoginBegun, PID: 19435, Line: "pts/3", User: "alice", Host: "192.0.2.7", Addr: netip.MustParseAddr("192.0.2.7")},
			{Kind: LoginBegun, PID: 19435, Line: "pts/4", User: "bob", Host: "2001:db8::1", Addr: netip.MustParseAddr("2001:db8::1")},
			{Kind: LoginEnded, PID: 19435, Line: "pts/3"}}},
		{"btmp", []LoginRecord{{Kind: LoginBegun, PID: 19497, Line: "pts/0", User: "UNKNOWN", Host: "192.0.2.99", Addr: netip.MustParseAddr("192.0.2.99")}}},
	} {
		b, err := os.ReadFile("testdata/utmp/" + tt.file)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range tt.want {
			got, ok := ParseLogin(b[i*LoginRecordSize():])
			if got.Time.Year() != 2026 {
				t.Errorf("%s: %v", tt.file, got.Time)
			}
			if got.Time = want.Time; !ok || got != want {
				t.Errorf("%s: %+v; want %+v", tt.file, got, want)
			}
		}
	}
}

func FuzzLogin(f *testing.F) {
	for _, name := range []string{"wtmp", "btmp"} {
		b, err := os.ReadFile("testdata/utmp/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _ := ParseLogin(b)
		for _, s := range []string{r.Line, r.User, r.Host} {
			if !utf8.ValidString(s) || len(s) > 256*3 {
				t.Errorf("%q", s)
			}
		}
	})
}
