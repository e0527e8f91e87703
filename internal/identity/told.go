package identity

import "brine/internal/event"

// AnyID stands in tags for the minion of a token that is for any. No minion has this id.
const AnyID = "@any"

// Told is the data of the event brine/key/<id>/<kind>, which tells of a Change.
type Told struct {
	ID      string         `json:"id"` // empty for a token that is for any minion
	Key     Fingerprint    `json:"key,omitempty"`
	Status  Status         `json:"status,omitempty"`
	Remote  string         `json:"remote,omitempty"`
	Version string         `json:"version,omitempty"`
	Grains  map[string]any `json:"grains,omitempty"` // what the minion says of itself; nobody has checked it
	Token   string         `json:"token,omitempty"`  // its name
	By      string         `json:"by,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Missed  int            `json:"missed,omitempty"` // like refusals before this one that were not told
}

// Event is the tag and the data of the event that tells of the change. ok is false for what is no event.
func (c Change) Event() (tag string, data Told, ok bool) {
	id := c.Record.ID
	data = Told{By: c.By, Reason: c.Reason, Missed: c.Missed}
	switch c.Kind {
	case KindUpdated:
		return "", Told{}, false
	case KindTokenAdded, KindTokenUsed, KindTokenDeleted:
		data.Token, data.ID, data.Key, id = c.Token.Name, c.Token.ID, c.Token.UsedBy, c.Token.ID
		if c.Token.UsedFor != "" {
			data.ID, id = c.Token.UsedFor, c.Token.UsedFor
		}
		if id == "" {
			id = AnyID
		}
	default:
		data.ID, data.Key, data.Status = id, c.Record.Key, c.Record.Status
		data.Remote, data.Version = c.Record.Remote, c.Record.Version
		if c.Kind == KindPending || c.Kind == KindAccepted {
			v, _ := c.Record.Grains.Value()
			data.Grains, _ = v.(map[string]any) // what cannot be read is left out: it was for the eye
		}
	}
	return event.Reserved + "key/" + id + "/" + string(c.Kind), data, true
}
