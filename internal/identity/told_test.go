package identity

import (
	"encoding/json"
	"testing"

	"brine/internal/event"
)

func TestEventOfAChange(t *testing.T) {
	grains, err := event.Encode(map[string]any{"os": "debian"})
	if err != nil {
		t.Fatal(err)
	}
	rec := record("web1", 1, Pending)
	rec.Grains = grains
	fp := string(fpOf(1))
	_, forAny := tokenFor(t, 1, TokenOptions{})
	_, forOne := tokenFor(t, 2, TokenOptions{ID: "web1"})
	used := forAny
	used.Used, used.UsedBy, used.UsedFor = noon, fpOf(1), "db1"
	cases := []struct {
		change Change
		tag    string
		data   string
	}{
		{Change{Kind: KindPending, Record: rec}, "brine/key/web1/pending", `{"id":"web1","key":"` + fp + `","status":"pending","remote":"192.0.2.9","grains":{"os":"debian"}}`},
		{Change{Kind: KindDeleted, Record: rec, By: "ada", Reason: "x"}, "brine/key/web1/deleted", `{"id":"web1","key":"` + fp + `","status":"pending","remote":"192.0.2.9","by":"ada","reason":"x"}`},
		{Change{Kind: KindImpostor, Record: Record{ID: "web1", Key: fpOf(1)}, Missed: 3}, "brine/key/web1/impostor", `{"id":"web1","key":"` + fp + `","missed":3}`},
		{Change{Kind: KindTokenAdded, Token: forAny, By: "ada"}, "brine/key/@any/token-added", `{"id":"","token":"` + forAny.Name + `","by":"ada"}`},
		{Change{Kind: KindTokenAdded, Token: forOne}, "brine/key/web1/token-added", `{"id":"web1","token":"` + forOne.Name + `"}`},
		{Change{Kind: KindTokenUsed, Token: used}, "brine/key/db1/token-used", `{"id":"db1","key":"` + fp + `","token":"` + used.Name + `"}`},
	}
	for _, c := range cases {
		tag, data, ok := c.change.Event()
		text, err := json.Marshal(data)
		if !ok || err != nil || tag != c.tag || string(text) != c.data {
			t.Errorf("%s\n%s; want %s\n%s, %v", tag, text, c.tag, c.data, err)
		}
		if err := event.CheckTag(tag); err != nil {
			t.Error(err)
		}
	}
	if _, _, ok := (Change{Kind: KindUpdated, Record: rec}).Event(); ok {
		t.Error("an update is told")
	}
	if event.CheckMinionID(AnyID) == nil {
		t.Errorf("a minion may be called %s", AnyID)
	}
}

// TestStoredRecords holds what a registry keeps against damage that a checksum would not see.
func TestStoredRecords(t *testing.T) {
	_, tok := tokenFor(t, 1, TokenOptions{})
	for name, v := range map[string]any{
		"a status of no kind": Record{ID: "a", Key: fpOf(1), Status: "x"},
		"no key":              Record{ID: "a", Status: Pending},
		"no id":               Record{Key: fpOf(1), Status: Pending},
		"a token":             tok,
		"text":                "x",
	} {
		b, err := event.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if rec, err := DecodeRecord(b); err == nil {
			t.Errorf("%s: passes as %+v", name, rec)
		}
	}
	tok.Hash = tok.Hash[:10]
	b, err := event.Encode(tok)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeToken(b); err == nil {
		t.Error("a damaged token passes")
	}
	if _, err := DecodeToken(nil); err == nil {
		t.Error("no token passes")
	}
}
