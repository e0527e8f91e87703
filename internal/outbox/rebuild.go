package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// rebuild makes a new file of what is whole in a damaged one, which is kept beside. If only records are damaged, the
// sequence goes on as it was. If the structure is, the last transactions may be missing, and with them sequences that were used: then
// a new incarnation begins, so that none is used twice.
func (o *Outbox) rebuild(f *os.File, s *survey, damages []Damage) error {
	db, err := createBolt(o.path + ".new")
	if err != nil {
		return err
	}
	c := &change{book: s.newBook()}
	if len(s.faults) > 0 {
		c.renew(o.opt)
	}
	if err := salvage(f, db, c); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := holdPlaces(db, c); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := keepTwice(db, c); err != nil {
		return errors.Join(err, db.Close())
	}
	aside, err := o.setAside()
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if err := o.install(db, ".new"); err != nil {
		return errors.Join(err, db.Close())
	}
	o.book = c.book
	for _, d := range damages {
		o.report(d)
	}
	o.report(Damage{What: "file", Detail: "what is whole goes on in a new file; the damaged one is kept as " + aside})
	return nil
}

// newBook is the counters to go on with, without what salvage counts anew.
func (s *survey) newBook() book {
	b := book{first: 1, next: 1, doneNext: 1, deadNext: 1}
	if s.sound {
		b = s.book
		b.kinds = [numKinds]tally{}
	}
	b.next = max(b.next, s.last+1)
	b.first = max(b.first, s.first)
	if s.last < b.first {
		b.first = b.next // none is left
	}
	return b
}

// setAside gives the damaged file a second name. It keeps the first until the new one takes it.
func (o *Outbox) setAside() (string, error) {
	for n := 1; n <= 1000; n++ {
		aside := fmt.Sprintf("%s.damaged-%d", o.path, n)
		err := os.Link(o.path, aside)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		return aside, err
	}
	return "", fmt.Errorf("a thousand damaged files are kept already")
}

// salvageBytes is how much one transaction of salvage writes.
const salvageBytes = 4 << 20

// salvage copies every record that is whole.
func salvage(f *os.File, db *bolt.DB, c *change) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var list []record
	size := 0
	flush := func() {
		if err == nil {
			err = db.Update(func(tx *bolt.Tx) error {
				c.tx = tx
				for _, r := range list {
					if err := c.put(r.kind, r.key, r.payload); err != nil {
						return err
					}
				}
				return c.keep()
			})
		}
		list, size = nil, 0
	}
	inspect(f, info.Size(), func(k kind, key, value []byte) {
		payload, ok := k.unseal(key, value)
		if !ok || k == kMeta || k == kEvents && (len(key) != 8 || binary.BigEndian.Uint64(key) < c.first) {
			return
		}
		key, payload = append([]byte(nil), key...), append([]byte{}, payload...)
		list = append(list, c.salvaged(record{k, key, payload})...)
		if size += len(key) + len(payload); size > salvageBytes {
			flush()
		}
	})
	flush()
	return err
}

// placesAtOnce is how many places one transaction of holdPlaces fills.
const placesAtOnce = 10_000

// holdPlaces puts an empty record in the place of each event that is lost between those that are whole, so that it is told once
// and the sequence has no hole.
func holdPlaces(db *bolt.DB, c *change) error {
	for seq := c.first; seq < c.next; {
		err := db.Update(func(tx *bolt.Tx) error {
			c.tx = tx
			for n := 0; n < placesAtOnce && seq < c.next; n++ {
				if _, there, _ := c.get(kEvents, ordinal(seq)); !there {
					if err := c.put(kEvents, ordinal(seq), nil); err != nil {
						return err
					}
				}
				seq++
			}
			return c.keep()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// salvaged is the records to write for one that was read.
func (c *change) salvaged(r record) []record {
	switch r.kind {
	case kDone: // the order is written anew, as one half of a pair may be lost
		if r.key[0] != 'j' || len(r.payload) < 12 {
			return nil
		}
		n := binary.BigEndian.Uint64(r.payload)
		c.doneNext = max(c.doneNext, n+1)
		return []record{r, {kDone, doneKey(n), r.key[1:]}}
	case kDead:
		if len(r.key) != 8 {
			return nil
		}
		c.deadNext = max(c.deadNext, binary.BigEndian.Uint64(r.key)+1)
		c.deadTotal = max(c.deadTotal, c.kinds[kDead].count+1)
	}
	return []record{r}
}
