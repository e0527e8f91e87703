package beaconset

import (
	"fmt"

	"brine/beacons"
	"brine/internal/config"
	"brine/internal/event"
)

// sent is what the master sends a minion of its set: a list, in order of names.
type sent struct {
	Beacons []sentOne `json:"beacons"`
}

type sentOne struct {
	Name    string `json:"name"`
	From    string `json:"from"`    // file:line on the master
	Options string `json:"options"` // config.Flow
}

// Refusal is one instance that a minion cannot take.
type Refusal struct {
	Name, From, Error string
}

// Source is one instance as it stands in a file, to be read by whoever runs it.
type Source struct {
	Name, Options *config.Node
}

// Encode is what Decode reads. Without instances it is nil.
func Encode(list []Source) (event.Data, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var s sent
	for _, in := range list {
		s.Beacons = append(s.Beacons, sentOne{Name: in.Name.Text(), From: fmt.Sprintf("%s:%d", in.Name.File(), in.Name.Line()), Options: config.Flow(in.Options)})
	}
	return event.Encode(s)
}

// Decode reads what the master sent. What this minion cannot take, for it is of another version, holds up nothing else.
func Decode(data event.Data, modules []beacons.Module) (list []Instance, refused []Refusal, err error) {
	if len(data) == 0 {
		return nil, nil, nil
	}
	var s sent
	if err := data.Decode(&s); err != nil {
		return nil, nil, fmt.Errorf("beacons of the master: %w", err)
	}
	if len(s.Beacons) > MaxInstances {
		return nil, nil, fmt.Errorf("beacons of the master: %d of them; at most %d", len(s.Beacons), MaxInstances)
	}
	for _, one := range s.Beacons {
		in, err := one.read(modules)
		if err != nil {
			refused = append(refused, Refusal{Name: one.Name, From: one.From, Error: err.Error()})
			continue
		}
		list = append(list, in)
	}
	return list, refused, nil
}

func (s sentOne) read(modules []beacons.Module) (Instance, error) {
	if err := CheckName(s.Name); err != nil {
		return Instance{}, err
	}
	n, faults := config.Parse(s.From, []byte(`{"`+s.Name+`": `+s.Options+`}`)) // a name that was checked needs no more quoting
	if err := faults.Err(); err != nil {
		return Instance{}, err
	}
	if len(n.Pairs()) != 1 {
		return Instance{}, fmt.Errorf("%s: want one beacon", s.From)
	}
	in, faults := ReadOne(n.Pairs()[0].Key, n.Pairs()[0].Value, modules)
	for i := range faults {
		faults[i].File, faults[i].Line, faults[i].Column = s.From, 0, 0 // the place is one line's, on another host
	}
	in.From = s.From
	return in, faults.Err()
}
