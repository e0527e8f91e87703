package outbox

import (
	"encoding/binary"
	"fmt"
	"os"
)

// survey is what a reading of the whole file found.
type survey struct {
	book     book
	sound    bool // the counters can be trusted: record and transaction number fit
	kinds    [numKinds]tally
	bad      []Damage // records whose checksum does not fit; at most maxFaults
	badCount int
	faults   []string // of the structure
	first    uint64   // the lowest event that is whole; 0 for none
	last     uint64
	missing  []span // between first and what the counters say is the end
	missed   int    // how many spans did not fit missing
}

// span is a run of sequences.
type span struct{ from, to uint64 }

func surveyFile(f *os.File) (s survey, err error) {
	info, err := f.Stat()
	if err != nil {
		return s, err
	}
	var txid uint64
	txid, s.faults = inspect(f, info.Size(), func(k kind, key, value []byte) { s.record(k, key, value) })
	if s.sound && s.book.txid != txid {
		s.faults = append(s.faults, fmt.Sprintf("the counters are of transaction %d, the file of %d", s.book.txid, txid))
		s.sound = false
	}
	if !s.sound {
		s.faults = append(s.faults, "the counters are damaged or gone")
		return s, nil
	}
	if s.last != 0 && s.last+1 < s.book.next {
		s.miss(s.last+1, s.book.next-1)
	}
	return s, nil
}

func (s *survey) record(k kind, key, value []byte) {
	payload, ok := k.unseal(key, value)
	if !ok {
		s.spoilt(Damage{What: k.String(), Key: printable(k, key), Detail: "its checksum does not fit"})
		if k == kEvents && len(key) == 8 {
			return // told by its sequence, as missing
		}
		return
	}
	switch k {
	case kMeta:
		b, err := decodeBook(payload)
		if err != nil || string(key) != string(bookKey) {
			s.spoilt(Damage{What: k.String(), Key: string(key), Detail: fmt.Sprint(err)})
			return
		}
		s.book, s.sound = b, true
		return
	case kEvents:
		if len(key) != 8 {
			s.spoilt(Damage{What: k.String(), Key: printable(k, key), Detail: "no sequence"})
			return
		}
		s.event(binary.BigEndian.Uint64(key))
	}
	s.kinds[k].add(len(key), value)
}

// event notes a whole event; they come in order.
func (s *survey) event(seq uint64) {
	switch {
	case s.first == 0:
		s.first = seq
	case seq <= s.last: // a page of old in a place of another; the structure's faults tell it
		return
	case seq > s.last+1:
		s.miss(s.last+1, seq-1)
	}
	s.last = seq
}

func (s *survey) miss(from, to uint64) {
	if len(s.missing) < maxFaults {
		s.missing = append(s.missing, span{from, to})
	} else {
		s.missed++
	}
}

func (s *survey) spoilt(d Damage) {
	s.badCount++
	if len(s.bad) < maxFaults {
		s.bad = append(s.bad, d)
	}
}

func printable(k kind, key []byte) string {
	if k == kEvents && len(key) == 8 {
		return fmt.Sprint(binary.BigEndian.Uint64(key))
	}
	return string(key)
}

// damages is everything that is wrong; none means that the file is what was written.
func (s *survey) damages() []Damage {
	var list []Damage
	for _, f := range s.faults {
		list = append(list, Damage{What: "file", Detail: f})
	}
	list = append(list, s.bad...)
	if more := s.badCount - len(s.bad); more > 0 {
		list = append(list, Damage{What: "file", Detail: fmt.Sprintf("%d more records are damaged", more)})
	}
	if !s.sound {
		return list
	}
	b := &s.book
	if s.first == 0 && b.first < b.next {
		list = append(list, lost(b.first, b.next-1))
	}
	if s.first > b.first {
		list = append(list, lost(b.first, s.first-1))
	}
	for _, m := range s.missing {
		list = append(list, lost(m.from, m.to))
	}
	if s.missed > 0 {
		list = append(list, Damage{What: "file", Detail: fmt.Sprintf("%d more runs of events are gone", s.missed)})
	}
	for k := kEvents; k < numKinds; k++ {
		if s.kinds[k].count != b.kinds[k].count || s.kinds[k].sum != b.kinds[k].sum {
			list = append(list, Damage{What: k.String(), Detail: fmt.Sprintf("%d records were read, %d written: some are gone or old", s.kinds[k].count, b.kinds[k].count)})
		}
	}
	return list
}

func lost(from, to uint64) Damage {
	return Damage{What: kEvents.String(), Seq: from, Detail: fmt.Sprintf("events %d to %d are damaged or gone", from, to)}
}
