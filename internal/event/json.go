package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// View is an event as people and programs outside see it: `-o json`, the API, the tap, the stdin of
// master.exec. Keys are snake_case, times RFC 3339 with nanoseconds.
type View struct {
	ID       ID        `json:"id"`
	Pos      uint64    `json:"pos"`
	Time     time.Time `json:"time"`
	Received time.Time `json:"received"`
	Tag      string    `json:"tag"`
	Minion   string    `json:"minion,omitempty"`
	By       string    `json:"by,omitempty"`
	Causes   []ID      `json:"causes,omitempty"`
	Depth    uint8     `json:"depth"`
	Own      bool      `json:"own"`
	Data     Data      `json:"data"`
}

// MarshalJSON shows the event as its View.
func (e Event) MarshalJSON() ([]byte, error) { return json.Marshal(View(e)) }

// UnmarshalJSON is the opposite of MarshalJSON.
func (e *Event) UnmarshalJSON(text []byte) error {
	var v View
	err := json.Unmarshal(text, &v)
	*e = Event(v)
	return err
}

// ParseJSON reads one JSON value; whole numbers that fit are int64, others float64. A number past float64 is an error.
func ParseJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return plainNumbers(v)
}

func plainNumbers(v any) (_ any, err error) {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if v[k], err = plainNumbers(v[k]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = plainNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case json.Number:
		if i, err := v.Int64(); err == nil && v != "-0" { // which is a float64 only
			return i, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("number %.40q is out of range", v.String())
		}
		return f, nil
	}
	return v, nil
}
