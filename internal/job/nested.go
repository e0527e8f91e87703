package job

import "brine/internal/event"

// The payloads within results and arguments are written as the items that they are, so that rules, the log and the API show what is in
// them.

// MarshalCBOR writes Return as an item.
func (r Result) MarshalCBOR() ([]byte, error) {
	type plain Result
	return event.Encode(struct {
		plain
		Return event.Item `json:"return,omitzero"`
	}{plain(r), event.Item(r.Return)})
}

// UnmarshalCBOR is the opposite of MarshalCBOR.
func (r *Result) UnmarshalCBOR(b []byte) error {
	type plain Result
	var in struct {
		plain
		Return event.Item `json:"return"`
	}
	if err := event.Data(b).Decode(&in); err != nil {
		return err
	}
	*r = Result(in.plain)
	r.Return = event.Data(in.Return)
	return nil
}

// MarshalCBOR writes Data as an item.
func (a Args) MarshalCBOR() ([]byte, error) {
	type plain Args
	return event.Encode(struct {
		plain
		Data event.Item `json:"data,omitzero"`
	}{plain(a), event.Item(a.Data)})
}

// UnmarshalCBOR is the opposite of MarshalCBOR.
func (a *Args) UnmarshalCBOR(b []byte) error {
	type plain Args
	var in struct {
		plain
		Data event.Item `json:"data"`
	}
	if err := event.Data(b).Decode(&in); err != nil {
		return err
	}
	*a = Args(in.plain)
	a.Data = event.Data(in.Data)
	return nil
}
