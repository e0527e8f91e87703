package supervise

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"sync"

	"brine/beacons"
	"brine/internal/event"
)

// sumSize is how much of a hash is kept, in bytes.
const sumSize = 16

// changes remembers the data of the last event under each tag, for onchangeonly.
type changes struct {
	mu sync.Mutex
	of map[string]string // hash of the data, by the tag's tail; nil: the option is off
}

// load reads what was told before; fresh forgets it.
func (c *changes) load(l *life, fresh bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of = nil; !l.in.Common.OnChangeOnly {
		return nil
	}
	c.of = map[string]string{}
	if fresh {
		return nil
	}
	return l.s.host.Changes(l.instance()).Each("", func(tag string, sum []byte) error {
		if len(c.of) < MaxChanges {
			c.of[tag] = string(sum)
		}
		return nil
	})
}

// filter takes out the events that say what was said last; what they set stays. It gives the hashes of the others, which hold once they are
// on disk.
func (c *changes) filter(signals []beacons.Signal) (out []beacons.Signal, next sums, held int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		return slices.Clone(signals), nil, 0
	}
	next = sums{}
	for _, s := range signals {
		data, err := event.Encode(s.Data)
		if s.Tag == "" || err != nil { // what cannot be encoded is refused where it is kept
			out = append(out, s)
			continue
		}
		full := sha256.Sum256(data)
		sum := string(full[:sumSize])
		last, known := next[s.Tag]
		if !known {
			last, known = c.of[s.Tag]
		}
		switch {
		case known && last == sum:
			held++
			if s.Tag = ""; len(s.Set) > 0 {
				out = append(out, s)
			}
			continue
		case known || len(c.of)+len(next) < MaxChanges:
			next[s.Tag] = sum
		}
		out = append(out, s)
	}
	return out, next, held
}

// keep takes over what is on disk now.
func (c *changes) keep(next sums) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for tag, sum := range next {
		if c.of != nil {
			c.of[tag] = sum
		}
	}
}

// sums are the hashes that signals on their way will leave, by the tag's tail.
type sums map[string]string

func (s sums) kvs() []beacons.KV {
	set := make([]beacons.KV, 0, len(s))
	for tag, sum := range s {
		set = append(set, beacons.KV{Key: tag, Value: []byte(sum)})
	}
	slices.SortFunc(set, func(a, b beacons.KV) int { return cmp.Compare(a.Key, b.Key) })
	return set
}
