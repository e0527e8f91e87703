package cli

import (
	"fmt"
	"net"
	"strconv"

	"brine/internal/event"
)

// limitText is an event of a beacon that watches limits in words: "full entered: / used 93.1 (limit 90)". Units are those of the reference.
func limitText(d event.Data) string {
	var l struct {
		Limit     string   `json:"limit"`
		State     string   `json:"state"`
		Mount     string   `json:"mount"`
		Device    string   `json:"device"`
		Core      *int     `json:"core"`
		Mode      string   `json:"mode"`
		Of        string   `json:"of"`
		Value     *float64 `json:"value"`
		Threshold *float64 `json:"threshold"`
	}
	if d.Decode(&l) != nil || l.Limit == "" || l.State == "" || l.Value == nil || l.Threshold == nil {
		return ""
	}
	text := l.Limit + " " + l.State + ":"
	switch {
	case l.Mount != "":
		text += " " + l.Mount
	case l.Device != "":
		text += " " + l.Device
	case l.Core != nil:
		text += fmt.Sprintf(" core %d", *l.Core)
	}
	for _, what := range []string{l.Mode, l.Of} {
		if what != "" {
			text += " " + what
		}
	}
	return fmt.Sprintf("%s %s (limit %s)", text, plainNumber(*l.Value), plainNumber(*l.Threshold))
}

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// connText is an event of the beacon conn in words: "listening tcp 0.0.0.0:22".
func connText(d event.Data) string {
	var c struct {
		Change     string `json:"change"`
		Proto      string `json:"proto"`
		Local      string `json:"local"`
		LocalPort  uint16 `json:"local_port"`
		Remote     string `json:"remote"`
		RemotePort uint16 `json:"remote_port"`
	}
	if d.Decode(&c) != nil || c.Change == "" || c.Proto == "" || c.Local == "" {
		return ""
	}
	at := func(host string, port uint16) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }
	text := c.Change + " " + c.Proto + " " + at(c.Local, c.LocalPort)
	if c.Remote != "" {
		text += " with " + at(c.Remote, c.RemotePort)
	}
	return text
}
