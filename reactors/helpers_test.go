package reactors

import (
	"strings"
	"testing"
	"time"

	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/job"
)

// fileData and cpuData stand for what beacons send.
type fileData struct {
	Path   string    `json:"path"`
	Change string    `json:"change"`
	Before *fileInfo `json:"before"`
	After  *fileInfo `json:"after"`
	Diff   string    `json:"diff,omitempty"`
	Actor  *actor    `json:"actor"`
	Seen   time.Time `json:"seen"`
}

type fileInfo struct {
	Type string `json:"type"`
	Size int64  `json:"size"`
	Mode string `json:"mode"`
}

type actor struct {
	PID int    `json:"pid"`
	Exe string `json:"exe"`
	UID *int64 `json:"uid"`
}

type cpuData struct {
	Used  float64   `json:"used"`
	Cores []float64 `json:"cores"`
}

var testEnv = Env{
	Data: map[string]any{"file": fileData{}, "cpu": cpuData{}},
	Actions: map[string]ActionShape{
		"cmd.run":       {OnMinion: true, Short: "argv"},
		job.StateSingle: {OnMinion: true},
		"http.post": {Check: func(n *config.Node) config.Faults {
			if url := n.Get("url"); url.Text() == "no" {
				return config.Faults{url.Fault("no is no URL")}
			}
			return nil
		}},
	},
}

// start is when the events of tests begin.
var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func mustLoad(t testing.TB, text string) *Set {
	t.Helper()
	set, faults := Load([]Source{{"rules.yaml", []byte(text)}}, testEnv)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	return set
}

func encode(t testing.TB, v any) event.Data {
	t.Helper()
	d, err := event.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// masterFired makes an event of the master's own, without a test that could fail.
func masterFired(after time.Duration, tag string, data any) event.Event {
	d, _ := event.Encode(data)
	return event.Event{ID: event.ID{Origin: event.Master, Inc: 1, Seq: uint64(after) + 1}, Time: start.Add(after), Received: start.Add(after), Tag: tag, Data: d}
}

// fired makes an event of a minion's, received some time after start.
func fired(t testing.TB, after time.Duration, minion, tag string, data any) event.Event {
	at := start.Add(after)
	return event.Event{
		ID:   event.ID{Origin: strings.Trim(minion+"-x", "-"), Inc: 1, Seq: uint64(after) + 1},
		Time: at, Received: at, Tag: tag, Minion: minion, Data: encode(t, data),
	}
}
