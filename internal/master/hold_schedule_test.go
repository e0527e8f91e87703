package master

import (
	"testing"
	"time"
)

func TestMaintenanceWindows(t *testing.T) {
	for name, tt := range map[string]struct {
		schedule, zone string
		length         time.Duration
		at             string // a Sunday is 2026-11-22
		begin, next    string // begin is empty where no window is open
	}{
		"before":              {"sun 02:00", "UTC", time.Hour, "2026-11-22T01:59:59Z", "", "2026-11-22T02:00:00Z"},
		"at its begin":        {"sun 02:00", "UTC", time.Hour, "2026-11-22T02:00:00Z", "2026-11-22T02:00:00Z", "2026-11-29T02:00:00Z"},
		"within":              {"sun 02:00", "UTC", time.Hour, "2026-11-22T02:59:59Z", "2026-11-22T02:00:00Z", "2026-11-29T02:00:00Z"},
		"at its end":          {"sun 02:00", "UTC", time.Hour, "2026-11-22T03:00:00Z", "", "2026-11-29T02:00:00Z"},
		"over midnight":       {"weekdays 22:30", "UTC", 4 * time.Hour, "2026-11-21T01:00:00Z", "2026-11-20T22:30:00Z", "2026-11-23T22:30:00Z"},
		"several days":        {"sat,sun 00:05", "UTC", time.Hour, "2026-11-21T00:04:00Z", "", "2026-11-21T00:05:00Z"},
		"a range":             {"tue-thu 10:00", "UTC", time.Hour, "2026-11-22T10:00:00Z", "", "2026-11-24T10:00:00Z"},
		"daily":               {"Daily 03:00", "UTC", time.Hour, "2026-11-22T02:00:00Z", "", "2026-11-22T03:00:00Z"},
		"cron":                {"0 4 1 * *", "UTC", 2 * time.Hour, "2026-12-01T05:00:00Z", "2026-12-01T04:00:00Z", "2027-01-01T04:00:00Z"},
		"elsewhere":           {"sun 02:00", "Europe/Berlin", time.Hour, "2026-11-22T01:30:00Z", "2026-11-22T01:00:00Z", "2026-11-29T01:00:00Z"},
		"when summer is over": {"sun 04:00", "Europe/Berlin", time.Hour, "2026-10-25T03:30:00Z", "2026-10-25T03:00:00Z", "2026-11-01T03:00:00Z"},
	} {
		w := Maintenance{Tgt: "*", Schedule: tt.schedule, For: tt.length, TimeZone: tt.zone}
		if err := w.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		begin, next, err := w.now(at)
		shown := ""
		if !begin.IsZero() {
			shown = begin.UTC().Format(time.RFC3339)
		}
		if got := next.UTC().Format(time.RFC3339); err != nil || shown != tt.begin || got != tt.next {
			t.Errorf("%s: %q and then %s (%v), want %q and then %s", name, shown, got, err, tt.begin, tt.next)
		}
		if a, b := w.hold(begin), w.hold(begin); a.ID != b.ID || a.ID == w.hold(next).ID || !a.Until.Equal(begin.Add(tt.length)) || a.Why == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestMaintenanceFaults(t *testing.T) {
	good := Maintenance{Tgt: "*", Schedule: "daily 03:00", For: time.Hour}
	for name, change := range map[string]func(*Maintenance){
		"target": func(w *Maintenance) { w.Tgt = "[" }, "kind": func(w *Maintenance) { w.TgtType = "colour" }, "day": func(w *Maintenance) { w.Schedule = "someday 03:00" },
		"hour": func(w *Maintenance) { w.Schedule = "sun 24:00" }, "cron": func(w *Maintenance) { w.Schedule = "61 * * * *" }, "six fields": func(w *Maintenance) { w.Schedule = "0 0 4 1 * *" },
		"nothing": func(w *Maintenance) { w.Schedule = "" }, "short": func(w *Maintenance) { w.For = time.Second }, "negative": func(w *Maintenance) { w.For = -time.Hour },
		"long": func(w *Maintenance) { w.For = 2 * MaxPause }, "zone": func(w *Maintenance) { w.TimeZone = "Mars/Olympus" },
	} {
		w := good
		change(&w)
		if w.Validate() == nil {
			t.Errorf("%s: %+v is taken", name, w)
		}
	}
}

func TestBlastRadius(t *testing.T) {
	for text, want := range map[string]string{
		"10%/10m": "10%/10m", "0.5% / 1h": "0.5%/1h", "100%/30s": "100%/30s", "none": "none",
		"10/10m": "", "0%/10m": "", "101%/10m": "", "-1%/1m": "", "NaN%/1m": "", "10%": "", "10%/": "", "10%/2d": "", "10%/0s": "", "": "",
	} {
		var b BlastRadius
		err := b.UnmarshalText([]byte(text))
		if got := b.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
