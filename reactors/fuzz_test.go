package reactors

import (
	"bytes"
	"testing"
	"time"

	"brine/internal/event"

	"github.com/rogpeppe/go-internal/txtar"
)

// Whatever stands in a rule file: no panic, and a fault that has a place in the file; what loads can be stepped.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/motd.txt", "testdata/faults.txt", "testdata/throttle.txt"} {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if file.Name != "want" && file.Name != "history" {
				f.Add(file.Data)
				for rule := range bytes.SplitSeq(file.Data, []byte("\n\n")) {
					f.Add(rule)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, faults := Load([]Source{{"fuzz.yaml", text}}, testEnv)
		lines := bytes.Count(text, []byte("\n")) + 2
		for _, fault := range faults {
			if fault.File != "fuzz.yaml" || fault.Line < 1 || fault.Line > lines || fault.Column < 1 || fault.Msg == "" {
				t.Errorf("a fault without a place: %+v", fault)
			}
		}
		r := New(set)
		for i, tag := range []string{"brine/beacon/web1/file/etc/motd", "brine/beacon/web1/cpu/high", "ops/x", "a", "brine/job/x/ret/web1"} {
			e := event.Event{Received: start.Add(time.Duration(i) * time.Second), Tag: tag, Minion: "web1", ID: event.ID{Origin: "web1", Inc: 1, Seq: 1}}
			for _, v := range r.Step(e, World{}) {
				if v.Rule == "" || v.Outcome == "" || v.Why == "" {
					t.Errorf("verdict %+v", v)
				}
				for _, d := range v.Decisions {
					if d.Fire != nil && event.CheckTag(d.Fire.Tag) != nil {
						t.Errorf("fires %q", d.Fire.Tag)
					}
				}
			}
		}
		r.Dirty()
	})
}
