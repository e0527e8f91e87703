package minion

import (
	"os"
	"slices"
	"testing"

	"brine/internal/beaconset"
	"brine/internal/config"
	"brine/internal/outbox"
	"brine/internal/wire"
)

// What is kept of a beacon goes with its configuration, whichever it was, and nobody is told; one that is turned off or refused keeps its own.
func TestBaselinesOfRemovedBeacons(t *testing.T) {
	m, path := runBeacons(t, `beacons:
  clock: {}
  gone: {beacon_module: clock, onchangeonly: true}
  hung: {beacon_module: clock, onchangeonly: true, do: block}
  off: {beacon_module: clock, enabled: false}
`)
	all := []string{"beacon/clock", "beacon/gone/clock", "beacon/hung/clock", "beacon/off/clock", "beacon/wrong/newer", "beacon-told/gone/clock", "other/bucket"}
	tx := outbox.Tx{}
	for n := range forgetAtOnce + 10 {
		tx.Baselines = append(tx.Baselines, outbox.KV{Bucket: all[1], Key: string(rune('a'+n%26)) + string(rune(n+1)), Value: []byte("x")})
	}
	for _, bucket := range all {
		tx.Baselines = append(tx.Baselines, outbox.KV{Bucket: bucket, Key: "k", Value: []byte("x")})
	}
	wrong, _ := config.Parse("fleet.yaml", []byte("wrong: {beacon_module: clock, do: wrong}\n"))
	data, err := beaconset.Encode([]beaconset.Source{{Name: wrong.Pairs()[0].Key, Options: wrong.Pairs()[0].Value}})
	if err != nil {
		t.Fatal(err)
	}
	m.set(t.Context(), &wire.Settings{Name: "beacons", Data: data})
	await(t, "all run", func() bool { return m.beacon("gone").Fired > 0 && m.beacon("clock").Fired > 0 })
	if _, err := m.outbox.Commit(tx); err != nil {
		t.Fatal(err)
	}
	text := "beacons:\n  clock: {}\n  clock2: {beacon_module: clock}\n  off: {beacon_module: clock, enabled: false}\n"
	if err := os.WriteFile(path, []byte(minionText(m.cfg.Root, text)), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"beacon/clock", "beacon/off/clock", "beacon/wrong/newer", "other/bucket"}
	var got []string
	await(t, "what is kept of removed beacons is gone", func() bool {
		got, err = m.outbox.Buckets("")
		if err != nil {
			t.Fatal(err)
		}
		got = slices.DeleteFunc(got, func(b string) bool { return b != "other/bucket" && b[:6] != "beacon" })
		return !slices.Contains(got, all[1]) && !slices.Contains(got, all[2]) && !slices.Contains(got, all[5])
	})
	if !slices.Equal(got, want) {
		t.Errorf("kept are %q; want %q", got, want)
	}
	for _, e := range m.told(t) {
		switch e.Tag {
		case "brine/minion/web1/start", "brine/minion/web1/beacon/wrong/refused", "brine/minion/web1/beacon/hung/stuck":
		default:
			if e.Tag[:13] != "brine/beacon/" {
				t.Errorf("told: %s", e.Tag)
			}
		}
	}
}

// While it is not known what the master wants, nothing is forgotten.
func TestBaselinesWhileUnsure(t *testing.T) {
	m, _ := runBeacons(t, "beacons:\n  clock: {}\n")
	m.setBeacons(t.Context(), []byte{0xff})
	m.forgetRemoved() // whichever began before it was unsure is over
	if _, err := m.outbox.Commit(outbox.Tx{Baselines: []outbox.KV{{Bucket: "beacon/fleet/clock", Key: "k", Value: []byte("x")}}}); err != nil {
		t.Fatal(err)
	}
	m.forgetRemoved()
	if got, err := m.outbox.Buckets("beacon/fleet"); err != nil || len(got) != 1 {
		t.Errorf("kept are %q, %v", got, err)
	}
	m.setBeacons(t.Context(), nil)
	await(t, "what the master takes back is gone", func() bool {
		got, err := m.outbox.Buckets("beacon/fleet")
		return err == nil && len(got) == 0
	})
}
