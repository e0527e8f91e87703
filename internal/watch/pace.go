package watch

import "time"

const (
	// dullTime is the time in which so many dull events, or reads of them, make a pacer ask for rests.
	dullTime = 200 * time.Millisecond
	// dullRest is how long these are. It is what a change elsewhere may have to wait, and saves some hundred wake-ups a second.
	dullRest = 4 * time.Millisecond
)

// pacer finds out that what comes has told nothing for a while.
type pacer struct {
	most  int // in a row, within dullTime
	count int
	since time.Time // of the first of them, or of the last rest
}

// next takes the next one, and says whether to rest.
func (p *pacer) next(dull bool) (rest bool) {
	if !dull {
		p.count = 0
		return false
	}
	now := time.Now()
	if p.count == 0 || now.Sub(p.since) > dullTime {
		p.count, p.since = 0, now
	}
	if p.count++; p.count <= p.most {
		return false
	}
	p.since = now
	return true
}
