package sealed

import "testing"

func TestOnlyTheReaderOpensIt(t *testing.T) {
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, _ := NewKey()
	text, err := Seal(k.Public(), "/etc/motd", []byte("welcome\n"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := k.Open("/etc/motd", text); err != nil || string(b) != "welcome\n" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := k.Open("/etc/issue", text); err == nil {
		t.Error("it opens as something else")
	}
	if _, err := other.Open("/etc/motd", text); err == nil {
		t.Error("somebody else can read it")
	}
	for _, bad := range []string{"", "!", "AAAA"} {
		if _, err := Seal(bad, "", nil); err == nil {
			t.Errorf("sealed to %q", bad)
		}
		if _, err := k.Open("", bad); err == nil {
			t.Errorf("opened %q", bad)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k, err := NewKey()
	if err != nil {
		f.Fatal(err)
	}
	text, _ := Seal(k.Public(), "x", []byte("y"))
	f.Add(k.Public(), text)
	f.Fuzz(func(t *testing.T, public, text string) {
		_, _ = Seal(public, "x", []byte("y"))
		_, _ = k.Open("x", text)
	})
}
