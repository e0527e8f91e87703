package schedule

import (
	"strings"
	"testing"
	"time"

	"brine/beacons"
	"brine/internal/beacontest"
	"brine/internal/config"
)

// Time cannot be acted on: what is told when is TestDue's and TestThisHost's.
func TestConformance(t *testing.T) {
	beacontest.Run(t, Module(), beacontest.Case{Name: "not now", Config: `{never: {cron: '0 0 29 2 *'}, rarely: {every: 366d}}`, System: true,
		Ready: func(kept map[string][]byte) bool { return len(kept) == 2 }, Act: func(*testing.T, string) {}})
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		what      string
		s         Schedule
		last, now string
		want      string // in UTC
		missed    int64
		next      string
	}{
		{"not yet", Schedule{Cron: "0 3 * * *", Zone: "UTC"}, "2026-03-01T03:00:00Z", "2026-03-02T02:59:59Z", "", 0, "2026-03-02T03:00:00Z"},
		{"now", Schedule{Cron: "0 3 * * *", Zone: "UTC"}, "2026-03-01T03:00:00Z", "2026-03-02T03:00:00Z", "02T03:00", 0, "2026-03-03T03:00:00Z"},
		{"the last of three", Schedule{Cron: "0 3 * * *", Zone: "UTC"}, "2026-03-01T03:00:00Z", "2026-03-04T10:00:00Z", "04T03:00", 2, "2026-03-05T03:00:00Z"},
		{"all", Schedule{Every: time.Hour, CatchUp: catchAll}, "2026-03-01T03:00:00Z", "2026-03-01T05:30:00Z", "01T04:00 01T05:00", 0, "2026-03-01T06:00:00Z"},
		{"in Berlin", Schedule{Cron: "0 3 * * *", Zone: "Europe/Berlin"}, "2026-03-01T03:00:00Z", "2026-03-02T02:30:00Z", "02T02:00", 0, "2026-03-03T02:00:00Z"},
		{"in Berlin's summer", Schedule{Cron: "0 3 * * *", Zone: "Europe/Berlin"}, "2026-07-01T03:00:00Z", "2026-07-02T02:30:00Z", "02T01:00", 0, "2026-07-03T01:00:00Z"},
		{"the clock was years ahead", Schedule{Every: time.Hour}, "2036-03-01T03:00:00Z", "2026-03-01T05:30:00Z", "", 0, "2026-03-01T06:00:00Z"},
		{"the clock went back a little", Schedule{Every: time.Hour}, "2026-03-01T05:00:00Z", "2026-03-01T04:59:30Z", "", 0, "2026-03-01T06:00:00Z"},
		{"seconds after a year: counted up to the bound", Schedule{Every: time.Second}, "2025-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "01T00:00", maxMissed + 2, "2026-03-01T00:00:01Z"},
	} {
		list, missed, next, err := c.s.due(at(t, c.last), at(t, c.now))
		var got []string
		for _, d := range list {
			got = append(got, d.UTC().Format("02T15:04"))
		}
		if err != nil || strings.Join(got, " ") != c.want || missed != c.missed || !next.Equal(at(t, c.next)) {
			t.Errorf("%s: %v, %d missed, next %s, %v", c.what, got, missed, next, err)
		}
	}
	many := Schedule{Every: time.Minute, CatchUp: catchAll}
	if list, missed, _, _ := many.due(at(t, "2026-03-01T00:00:00Z"), at(t, "2026-03-01T05:00:00Z")); len(list) != maxCaught || missed != 200 {
		t.Errorf("%d are told, %d missed", len(list), missed)
	}
}

func TestThisHost(t *testing.T) {
	h := beacontest.Start(t, Module(), `tick: {every: 1s}`, beacons.Env{})
	first := h.Next("tick").Data.(Data)
	if d := h.Next("tick").Data.(Data); d.Due.Sub(first.Due) < time.Second || d.Caught || !d.Next.After(d.Due) || d.Name != "tick" {
		t.Errorf("%+v after %+v", d, first)
	}
}

func TestRefusedOptions(t *testing.T) {
	for text, want := range map[string]string{
		`a: {}`:                              "a: want one of cron and every",
		`a: {cron: '0 3 * * *', every: 1h}`:  "a: want one of cron and every",
		`a: {cron: 'every day'}`:             `a: cron: "every day" is no cron expression`,
		`a: {every: 1ms}`:                    "a: every: 1ms; want 1s to",
		`a: {every: 1h, zone: Mars/Olympus}`: `a: zone: "Mars/Olympus" is not known`,
		`a: {every: 1h, catch_up: some}`:     `a: catch_up: "some"; want last, all or none`,
		`a: {every: 1h, at: noon}`:           `unknown key "at"`,
	} {
		n, faults := config.Parse("minion.yaml", []byte(text))
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		if err := n.Decode(Module().Config()).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", text, err, want)
		}
	}
}
