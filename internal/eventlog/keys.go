package eventlog

import (
	"encoding/binary"
	"strings"

	"brine/internal/event"
)

// Every key begins with the byte of its kind. What lives as long as events do goes on with a position, a segment or
// an era, big-endian, so that retention is one range a kind.
const (
	kindCause    = 'c' // era, origin, 0, incarnation, sequence, position of the effect
	kindEvent    = 'e' // position
	kindHigh     = 'h' // minion, 0, incarnation
	kindJob      = 'j' // jid, 0, target
	kindRecord   = 'k' // bucket, 0, key
	kindMeta     = 'm' // name
	kindOpenJob  = 'o' // created, jid, 0, target
	kindRun      = 'r' // era, origin, 0, incarnation, first sequence
	kindSegment  = 's' // segment
	kindJobTime  = 't' // created, jid, 0, target
	kindVerdicts = 'v' // position
	kindReactor  = 'x' // key
)

// Names of kindMeta.
const (
	metaVersion = "version"
	metaFirst   = "first"
	metaCursor  = "cursor"
)

const (
	// segmentBits: 4,096 positions share one index entry.
	segmentBits = 12
	// blockBits: 64 positions share one bit of it.
	blockBits = 6
	// eraBits: 262,144 positions share a prefix of the keys that are not ordered by position. Find looks once into
	// each era; retention removes whole eras of those keys.
	eraBits = 18

	segmentSize = 1 << segmentBits
	blockSize   = 1 << blockBits
)

func segmentOf(pos uint64) uint64 { return pos >> segmentBits }
func eraOf(pos uint64) uint64     { return pos >> eraBits }

// blockBit is the bit of pos in the mask of its segment.
func blockBit(pos uint64) uint64 { return 1 << (pos >> blockBits & (segmentSize/blockSize - 1)) }

func posKey(kind byte, n uint64) []byte { return appendPos(make([]byte, 0, 9), kind, n) }

func appendPos(b []byte, kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, kind), n)
}

// keyPos is the number in a key that posKey made.
func keyPos(key []byte) uint64 {
	if len(key) != 9 {
		return 0
	}
	return binary.BigEndian.Uint64(key[1:])
}

// textKey joins parts with zero bytes. The callers see to it that only the last part may hold one.
func textKey(kind byte, parts ...string) []byte {
	return append([]byte{kind}, strings.Join(parts, "\x00")...)
}

// idKey is the common prefix of all keys of one origin's incarnation in an era.
func idKey(kind byte, era uint64, origin string, inc event.Incarnation) []byte {
	b := make([]byte, 0, 1+8+len(origin)+1+8+8+8)
	b = append(appendPos(b, kind, era), origin...)
	return binary.BigEndian.AppendUint64(append(b, 0), uint64(inc))
}

func runKey(era uint64, id event.ID) []byte {
	return binary.BigEndian.AppendUint64(idKey(kindRun, era, id.Origin, id.Inc), id.Seq)
}

func causeKey(pos uint64, cause event.ID) []byte {
	return binary.BigEndian.AppendUint64(causePrefix(eraOf(pos), cause), pos)
}

func causePrefix(era uint64, cause event.ID) []byte {
	return binary.BigEndian.AppendUint64(idKey(kindCause, era, cause.Origin, cause.Inc), cause.Seq)
}

func jobKey(jid, target string) []byte { return textKey(kindJob, jid, target) }

func jobTimeKey(kind byte, created int64, jid, target string) []byte {
	return append(posKey(kind, orderedTime(created)), jid+"\x00"+target...)
}

// orderedTime makes times before 1970 sort before those after.
func orderedTime(ns int64) uint64 { return uint64(ns) ^ 1<<63 }

// after is the smallest key greater than every key with this prefix.
func after(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] != 0 {
			return b[:i+1]
		}
	}
	return nil
}

func hasZero(s string) bool { return strings.IndexByte(s, 0) >= 0 }
