package post

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"brine/internal/action"
	"brine/internal/event"
)

// cloudEvent is a CloudEvent 1.0 in its JSON format; cloudevents.io has the specification. Names of extensions are lower case letters and
// digits.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`     // the jid: the same for each attempt
	Source          string          `json:"source"` // a URI reference
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"` // the event's tag
	Time            string          `json:"time,omitempty"`    // RFC 3339
	DataContentType string          `json:"datacontenttype,omitempty"`
	BrineRule       string          `json:"brinerule,omitempty"`
	BrineEvent      string          `json:"brineevent,omitempty"` // the id of the event that it answers
	Data            json.RawMessage `json:"data,omitempty"`
}

// about makes the CloudEvent of a call.
func (a *Args) about(c action.Call) (cloudEvent, error) {
	e := cloudEvent{SpecVersion: "1.0", ID: c.Job.JID, Source: a.Source, Type: a.Type, BrineRule: c.Job.Rule}
	if e.Source == "" {
		e.Source = "brine/master"
		if c.Event.Minion != "" {
			e.Source = "brine/minion/" + c.Event.Minion
		}
	}
	if e.Type == "" {
		e.Type = "brine.event"
	}
	if !c.Event.ID.IsZero() {
		e.Subject, e.Time, e.BrineEvent = c.Event.Tag, c.Event.Time.UTC().Format(time.RFC3339Nano), c.Event.ID.String()
	}
	var err error
	if e.Data, err = a.data(c.Event.Data); len(e.Data) > 0 {
		e.DataContentType = "application/json"
	}
	return e, err
}

// data is what the rule says, or else what the event carries, as JSON; nil for none.
func (a *Args) data(of event.Data) (json.RawMessage, error) {
	if a.Data != nil {
		return json.Marshal(a.Data)
	}
	if of == nil {
		return nil, nil
	}
	return json.Marshal(of)
}

// body is what is posted, and the headers that describe it.
func (a *Args) body(c action.Call, head http.Header) ([]byte, error) {
	if a.Format == JSON {
		head.Set("Content-Type", "application/json")
		if a.Data == nil {
			return json.Marshal(c.Event)
		}
		return json.Marshal(a.Data)
	}
	e, err := a.about(c)
	if err != nil {
		return nil, err
	}
	if a.Format == Structured {
		head.Set("Content-Type", "application/cloudevents+json; charset=UTF-8")
		return json.Marshal(e)
	}
	for name, value := range map[string]string{"specversion": e.SpecVersion, "id": e.ID, "source": e.Source, "type": e.Type, "subject": e.Subject,
		"time": e.Time, "brinerule": e.BrineRule, "brineevent": e.BrineEvent} {
		if value != "" {
			head.Set("ce-"+name, escapeAttribute(value))
		}
	}
	if e.DataContentType != "" {
		head.Set("Content-Type", e.DataContentType)
	}
	return e.Data, nil
}

// escapeAttribute writes an attribute as a header's value: HTTP protocol binding of CloudEvents 1.0, 3.1.3.2.
func escapeAttribute(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == '"' || c == '%' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
