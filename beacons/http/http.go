// Package http is the beacon that asks web services and sees whether their answer is what it should be. It must never know what is done about
// one that is not.
package http

import (
	_ "embed"
	"time"

	"brine/beacons"
)

//go:embed sample.yaml
var sample string

// Module describes the beacon "http".
func Module() beacons.Module {
	return beacons.Module{
		Name:     "http",
		Sample:   sample,
		Data:     Data{},
		Config:   func() beacons.Config { return &Config{} },
		Interval: 30 * time.Second,
		AtStart:  true,
		Purpose:  "Asks web services and tells when an answer is not what it should be: status, body, time, certificate; and when it is again.",
		Tags:     tags(),
		Cost: "One request to each address an interval, on a connection of its own; at most 8 at the same time, of each answer at most 64 KiB. Keep in mind what the " +
			"request costs the service.",
		Permissions: "None.",
		Blind: "An outage shorter than the interval times the failures that are wanted, what stands in a body past 64 KiB, and proxies: the environment's are not used. " +
			"Redirects are not followed unless asked for.",
	}
}

// Data is what the beacon's events carry.
type Data struct {
	Name     string    `json:"name"`      // of the probe
	URL      string    `json:"url"`       // as configured
	State    string    `json:"state"`     // up or down; with expires: "entered" or "left"
	Error    string    `json:"error"`     // with down: of the last probe
	Status   int64     `json:"status"`    // of the last answer; 0: there was none
	Latency  float64   `json:"latency"`   // seconds until the answer was there
	Since    time.Time `json:"since"`     // of the first probe that said so
	Lasted   float64   `json:"lasted"`    // with up: seconds that it was down
	Failures int64     `json:"failures"`  // with down: probes in a row that failed
	Subject  string    `json:"subject"`   // of the certificate
	NotAfter time.Time `json:"not_after"` // when the certificate expires
	Left     float64   `json:"left"`      // seconds until then
}

func tags() []beacons.Tag {
	since := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	expires := Data{Name: "shop", URL: "https://shop.example.com/health", State: "entered", Status: 200, Latency: 0.021, Subject: "CN=shop.example.com",
		NotAfter: since.AddDate(0, 0, 20), Left: 1728000, Since: since}
	return []beacons.Tag{
		{Tail: "<name>/down", When: "the last probes failed, as many in a row as failures says", Data: Data{Name: "shop", URL: "https://shop.example.com/health",
			State: "down", Error: "status 503; want 200-299", Status: 503, Since: since, Failures: 3}},
		{Tail: "<name>/up", When: "the answer is right again", Data: Data{Name: "shop", URL: "https://shop.example.com/health", State: "up", Status: 200, Latency: 0.021,
			Since: since, Lasted: 95}},
		{Tail: "<name>/expires", When: "the service's certificate has less time left than expires says", Data: expires},
		{Tail: "<name>/expires/cleared", When: "it has a newer one", Data: expires},
	}
}
