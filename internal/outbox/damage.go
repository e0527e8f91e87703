package outbox

import "fmt"

// Damage is something that is not what was written: a flipped bit, a torn file.
type Damage struct {
	What   string // event, baseline, done, dead letter, applied, counters, or file
	Seq    uint64 // of an event
	Key    string // of what else
	Detail string
}

func (d Damage) String() string {
	switch {
	case d.Seq != 0:
		return fmt.Sprintf("%s %d: %s", d.What, d.Seq, d.Detail)
	case d.Key != "":
		return fmt.Sprintf("%s %q: %s", d.What, d.Key, d.Detail)
	}
	return d.What + ": " + d.Detail
}

// Damages returns what was found since Open, and by it: the first MaxDamages. Stats has how many there were.
func (o *Outbox) Damages() []Damage {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Damage(nil), o.damages...)
}

func (o *Outbox) report(d Damage) {
	o.mu.Lock()
	o.stats.Damaged++
	if len(o.damages) < MaxDamages {
		o.damages = append(o.damages, d)
	}
	o.mu.Unlock()
	o.opt.Log.Error("outbox: damage", "what", d.What, "seq", d.Seq, "key", d.Key, "detail", d.Detail)
	if o.opt.Damage != nil {
		o.opt.Damage(d)
	}
}

// maxLost bounds the memory of which losses were told; past it one may be told twice.
const maxLost = 4096

// reportEvent tells once that an event is lost. What was acknowledged meanwhile is not lost.
func (o *Outbox) reportEvent(seq uint64) {
	o.mu.Lock()
	told := o.lost[seq] || seq < o.state().First
	if !told && len(o.lost) < maxLost {
		o.lost[seq] = true
	}
	o.mu.Unlock()
	if !told {
		o.report(Damage{What: kEvents.String(), Seq: seq, Detail: "the record is damaged or gone"})
	}
}
