package wire

import "bytes"

// fields walks the map of a message or an event, whose keys are unsigned integers that ascend.
type fields struct {
	left  int
	key   uint64
	seen  uint64 // bit k: key k was there
	begun bool
	inner bool // a map within a field: errors name the outer field
}

func (r *reader) fields() fields { return fields{left: r.pairs()} }

func (r *reader) innerFields() fields { return fields{left: r.pairs(), inner: true} }

func (r *reader) pairs() int {
	n := r.want(kindMap, "a map")
	if n > maxFields {
		r.fail(CodeBound, "%d fields; at most %d", n, maxFields)
		return 0
	}
	return int(n)
}

// next goes to the next field, whose value the caller reads or skips.
func (f *fields) next(r *reader) bool {
	if f.left == 0 || r.err != nil {
		return false
	}
	f.left--
	if !f.inner {
		r.field = 0
	}
	key := r.want(kindUint, "an unsigned integer as key")
	if r.err != nil {
		return false
	}
	if f.begun && key <= f.key {
		r.fail(CodeSyntax, "key %d after %d: the keys of a map must ascend", key, f.key)
		return false
	}
	f.key, f.begun = key, true
	if key < 64 {
		f.seen |= 1 << key
	}
	if !f.inner {
		r.field = key
	}
	return true
}

// optional says that the name at hand may be missing.
func (n *names) optional() { n.seen-- }

// need wants that the keys were there.
func (f *fields) need(r *reader, keys ...uint64) {
	for _, k := range keys {
		if r.err == nil && f.seen&(1<<k) == 0 {
			if !f.inner {
				r.field = k
			}
			r.fail(CodeMissing, "key %d is missing", k)
		}
	}
}

// names walks a map whose keys are texts: the parts of a low state.
type names struct {
	left  int
	depth int // of its values
	name  []byte
	last  []byte // the encoded key before
	seen  int    // known names that were there
}

func (r *reader) names(depth int) names { return names{left: r.pairs(), depth: depth} }

func (n *names) next(r *reader) bool {
	if n.left == 0 || r.err != nil {
		return false
	}
	n.left--
	start := r.off
	n.name = r.rawText()
	if r.err != nil {
		return false
	}
	key := r.b[start:r.off]
	if n.last != nil && bytes.Compare(n.last, key) >= 0 {
		r.fail(CodeSyntax, "key %q: the keys of a map must ascend", n.name)
		return false
	}
	n.last = key
	n.seen++
	return true
}

// skip passes over the value of an unknown name.
func (n *names) skip(r *reader) {
	n.seen--
	r.skip(n.depth)
}

// need wants that as many known names were there; none can be there twice.
func (n *names) need(r *reader, what string, known int) {
	if r.err == nil && n.seen != known {
		r.fail(CodeMissing, "%s has %d of its %d keys", what, n.seen, known)
	}
}
