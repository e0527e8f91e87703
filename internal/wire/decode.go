package wire

import "time"

// decoder is what every message can do for Decode and Encode.
type decoder interface {
	Message
	read(*reader)
	check() *Error
}

func blank(t Type) decoder {
	switch t {
	case TypeHello:
		return &Hello{}
	case TypeWelcome:
		return &Welcome{}
	case TypeEvents:
		return &Events{}
	case TypeAck:
		return &Ack{}
	case TypeTaken:
		return &Taken{}
	case TypeJob:
		return &Job{}
	case TypeGet:
		return &Get{}
	case TypeCancel:
		return &Cancel{}
	case TypeChunk:
		return &Chunk{}
	case TypeBye:
		return &Bye{}
	case TypeSettings:
		return &Settings{}
	}
	return nil
}

func (m *Hello) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.MinProto = r.uint8()
		case 2:
			m.MaxProto = r.uint8()
		case 3:
			m.ID = r.text()
		case 4:
			m.Inc = r.inc()
		case 5:
			m.First = r.uint()
		case 6:
			m.Next = r.uint()
		case 7:
			m.Acked = r.uint()
		case 8:
			m.Now = r.int()
		case 9:
			m.Version = r.text()
		case 10:
			m.Grains = r.bytes()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2, 3, 4, 5, 6, 7, 8)
}

func (m *Welcome) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.Proto = r.uint8()
		case 2:
			m.HighWater = r.uint()
		case 3:
			m.Sum = r.uint()
		case 4:
			m.Now = r.int()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2, 3, 4)
}

func (m *Events) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.First = r.uint()
		case 2:
			n := r.array(MaxBatch)
			m.Events = make([]RawEvent, 0, n)
			for range n {
				m.Events = append(m.Events, r.bytes())
			}
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2)
}

func (m *Ack) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.UpTo = r.uint()
		case 2:
			m.Rejected = readArray(r, MaxRejected, (*reader).rejection)
		default:
			r.skip(1)
		}
	}
	f.need(r, 1)
}

func (r *reader) rejection() (x Rejection) {
	f := r.innerFields()
	for f.next(r) {
		switch f.key {
		case 1:
			x.Seq = r.uint()
		case 2:
			x.Reason = r.text()
		default:
			r.skip(3)
		}
	}
	f.need(r, 1, 2)
	return x
}

func (m *Taken) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.JID = r.text()
		case 2:
			m.Attempt = r.count()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2)
}

func (m *Job) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.JID = r.text()
		case 2:
			m.Attempt = r.count()
		case 3:
			m.Fun = r.text()
		case 4:
			m.Test = r.bool()
		case 5:
			m.Remaining = time.Duration(r.int())
		case 6:
			m.Rule = r.text()
		case 7:
			m.Cause = r.id()
		case 8:
			m.Depth = r.uint8()
		case 9:
			m.Low = r.low()
		case 10:
			m.Args = r.bytes()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2, 3, 5, 7, 8)
}

func (m *Settings) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.Name = r.text()
		case 2:
			m.Hash = r.text()
		case 3:
			m.Data = r.bytes()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2)
}

func (m *Cancel) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.JID = r.text()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1)
}

func (m *Get) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.Hash = r.text()
		case 2:
			m.Offset = r.int()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2)
}

func (m *Chunk) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.Hash = r.text()
		case 2:
			m.Offset = r.int()
		case 3:
			m.Size = r.int()
		case 4:
			m.Data = r.bytes()
		case 5:
			m.Error = r.text()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1, 2, 3)
}

func (m *Bye) read(r *reader) {
	f := r.fields()
	for f.next(r) {
		switch f.key {
		case 1:
			m.Reason = r.text()
		case 2:
			m.Hint = r.text()
		default:
			r.skip(1)
		}
	}
	f.need(r, 1)
}
