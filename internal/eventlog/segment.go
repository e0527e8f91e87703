package eventlog

import (
	"encoding/binary"
	"slices"
	"strings"

	"brine/internal/event"
)

// segment is the index of the 4,096 positions that share a number: for each tag and each origin in it a mask of 64
// bits, one for each block of 64 positions that holds it. The segment that is being filled is kept in memory alone and
// made anew from its records at Open; when the first event of another segment is appended, the same commit stores it:
// one key for tags and origins, one key for each incarnation in it. So an append costs no index keys at all, and a
// rare tag is found among millions of events by reading one small value for every 4,096.
type segment struct {
	num  uint64
	tags map[string]uint64 // mask by tag, cut to depth segments when depth is not 0
	// depth is 0 while tags are kept whole; anyTag when there were too many even of one segment.
	depth   int
	bytes   int // of all keys of tags
	origins map[string]uint64
	runs    map[runID]*run
	damaged uint64 // blocks with a record that cannot be read: these are looked into always
}

// runID names one life of one origin.
type runID struct {
	origin string
	inc    event.Incarnation
}

func (k runID) id(seq uint64) event.ID { return event.ID{Origin: k.origin, Inc: k.inc, Seq: seq} }

// run says where the events of one incarnation are in a segment. Their sequences ascend.
type run struct {
	first uint64 // sequence of the first
	pos   uint64 // its position
	last  uint64 // sequence of the last; not stored
	mask  uint64
}

// A segment with more tags than these keeps less of each: their first parts only. So a beacon that fires a new path
// with every event costs the index no more than any other.
const (
	maxSegmentTags     = 1024
	maxSegmentTagBytes = 128 << 10
	anyTag             = 255
)

func newSegment(num uint64) *segment {
	return &segment{num: num, tags: map[string]uint64{}, origins: map[string]uint64{}, runs: map[runID]*run{}}
}

func (s *segment) add(pos uint64, tag string, id event.ID) {
	bit := blockBit(pos)
	if s.depth != anyTag {
		s.addTag(tag, bit)
	}
	k := runID{id.Origin, id.Inc}
	r := s.runs[k]
	if r == nil {
		k.origin = strings.Clone(k.origin)
		r = &run{first: id.Seq, pos: pos}
		s.runs[k] = r
	}
	r.last = id.Seq
	if r.mask&bit == 0 {
		r.mask |= bit
		s.origins[k.origin] |= bit
	}
}

func (s *segment) addTag(tag string, bit uint64) {
	if s.depth > 0 {
		tag = cutTag(tag, s.depth)
	}
	if m, ok := s.tags[tag]; ok {
		if m&bit == 0 {
			s.tags[tag] = m | bit
		}
		return
	}
	s.tags[strings.Clone(tag)] = bit // the caller's may be part of a larger text
	s.bytes += len(tag)
	if len(s.tags) > maxSegmentTags || s.bytes > maxSegmentTagBytes {
		s.shorten()
	}
}

// shorten cuts the tags by whole parts until they are half as many as there may be.
func (s *segment) shorten() {
	depth := s.depth
	if depth == 0 {
		for t := range s.tags {
			depth = max(depth, strings.Count(t, "/")+1)
		}
	}
	for depth > 1 {
		depth--
		s.cutTo(depth)
		if len(s.tags) <= maxSegmentTags/2 && s.bytes <= maxSegmentTagBytes/2 {
			return
		}
	}
	s.tags, s.bytes, s.depth = map[string]uint64{}, 0, anyTag
}

// cutTo leaves the first depth parts of every tag, joining those that become equal.
func (s *segment) cutTo(depth int) {
	tags := s.tags
	s.tags, s.bytes, s.depth = make(map[string]uint64, len(tags)), 0, depth
	for t, m := range tags {
		t = cutTag(t, depth)
		if _, ok := s.tags[t]; !ok {
			s.bytes += len(t)
		}
		s.tags[t] |= m
	}
}

// cutTag is the first n segments of a tag.
func cutTag(tag string, n int) string {
	for i := 0; i < len(tag); i++ {
		if tag[i] == '/' {
			if n--; n == 0 {
				return tag[:i]
			}
		}
	}
	return tag
}

// encode is the payload of the segment's key:
//
//	1  version, segmentVersion
//	1  depth
//	8  mask of damaged blocks
//	   tags, then origins, each list: uvarint count, and for each in ascending order
//	   uvarint bytes shared with the one before, uvarint length of the rest, the rest, 8 mask
func (s *segment) encode() []byte {
	b := []byte{segmentVersion, byte(s.depth)}
	b = binary.BigEndian.AppendUint64(b, s.damaged)
	b = appendMasks(b, s.tags)
	return appendMasks(b, s.origins)
}

const segmentVersion = 1

func appendMasks(b []byte, m map[string]uint64) []byte {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	b = binary.AppendUvarint(b, uint64(len(names)))
	last := ""
	for _, n := range names {
		shared := 0
		for shared < len(last) && shared < len(n) && last[shared] == n[shared] {
			shared++
		}
		b = binary.AppendUvarint(b, uint64(shared))
		b = binary.AppendUvarint(b, uint64(len(n)-shared))
		b = append(b, n[shared:]...)
		b = binary.BigEndian.AppendUint64(b, m[n])
		last = n
	}
	return b
}

// segmentView reads a stored segment without building maps.
type segmentView struct {
	depth   int
	damaged uint64
	rest    []byte // tags, origins
}

func parseSegment(b []byte) (segmentView, bool) {
	if len(b) < 10 || b[0] != segmentVersion {
		return segmentView{}, false
	}
	return segmentView{depth: int(b[1]), damaged: binary.BigEndian.Uint64(b[2:]), rest: b[10:]}, true
}

// eachMask calls f for every name of a list and returns what follows the list; false when it is malformed. The name
// is valid during the call only.
func eachMask(b []byte, f func(name []byte, mask uint64)) ([]byte, bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > segmentSize {
		return nil, false
	}
	b = b[w:]
	var name []byte
	for range n {
		shared, w := binary.Uvarint(b)
		if w <= 0 || shared > uint64(len(name)) {
			return nil, false
		}
		b = b[w:]
		rest, w := binary.Uvarint(b)
		if w <= 0 || uint64(len(b)-w) < 8 || rest > uint64(len(b)-w-8) {
			return nil, false
		}
		b = b[w:]
		name = append(name[:shared], b[:rest]...)
		f(name, binary.BigEndian.Uint64(b[rest:]))
		b = b[rest+8:]
	}
	return b, true
}

// The payload of a run's key: position of the first event, mask. The key has origin, incarnation, first sequence.
func (r *run) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, r.pos), r.mask)
}

func parseRun(b []byte) (pos, mask uint64, ok bool) {
	if len(b) != 16 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), true
}
