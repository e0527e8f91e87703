package wire

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// The kinds of CBOR item (RFC 8949, 3.1) that Brine knows.
const (
	kindUint   = 0
	kindInt    = 1 // negative
	kindBytes  = 2
	kindText   = 3
	kindArray  = 4
	kindMap    = 5
	kindTag    = 6
	kindSimple = 7
)

// reader reads deterministic CBOR (RFC 8949, 4.2.1) and nothing else: every head in its shortest form, no indefinite
// length, no tag, the keys of a map ascending, and so none twice. The first error stays; what is read after it is zero. It
// takes no memory for what a head claims, only for what is there.
type reader struct {
	b     []byte
	off   int
	field uint64 // key of the field being read, for errors
	err   *Error
}

func (r *reader) fail(code Code, format string, args ...any) {
	if r.err == nil {
		r.err = fault(code, r.field, format, args...)
	}
	r.off = len(r.b)
}

// head reads the start of an item: its kind and its argument.
func (r *reader) head() (kind byte, arg uint64) {
	if r.off >= len(r.b) {
		r.fail(CodeSyntax, "cut short")
		return 0, 0
	}
	c := r.b[r.off]
	r.off++
	kind, arg = c>>5, uint64(c&31)
	switch {
	case kind == kindSimple:
		return kind, arg // skip looks at what follows
	case kind == kindTag:
		r.fail(CodeSyntax, "tags are not allowed")
		return 0, 0
	case arg < 24:
		return kind, arg
	case arg > 27:
		r.fail(CodeSyntax, "indefinite and reserved lengths are not allowed")
		return 0, 0
	}
	size := 1 << (arg - 24)
	if len(r.b)-r.off < size {
		r.fail(CodeSyntax, "cut short")
		return 0, 0
	}
	arg = 0
	for _, c := range r.b[r.off : r.off+size] {
		arg = arg<<8 | uint64(c)
	}
	r.off += size
	if size == 1 && arg < 24 || size > 1 && arg>>(size*4) == 0 {
		r.fail(CodeSyntax, "a number is not in its shortest form")
		return 0, 0
	}
	return kind, arg
}

// want reads a head of one kind.
func (r *reader) want(kind byte, name string) (arg uint64) {
	got, arg := r.head()
	if r.err == nil && got != kind {
		r.fail(CodeShape, "want %s", name)
	}
	if r.err != nil {
		return 0
	}
	return arg
}

func (r *reader) uint() uint64 { return r.want(kindUint, "an unsigned integer") }

func (r *reader) uint8() uint8 {
	v := r.uint()
	if v > math.MaxUint8 {
		r.fail(CodeBound, "%d is more than 255", v)
		return 0
	}
	return uint8(v)
}

func (r *reader) int() int64 {
	kind, arg := r.head()
	switch {
	case r.err != nil:
		return 0
	case kind != kindUint && kind != kindInt:
		r.fail(CodeShape, "want an integer")
		return 0
	case arg > math.MaxInt64:
		r.fail(CodeBound, "the integer does not fit 64 bits")
		return 0
	case kind == kindInt:
		return -1 - int64(arg)
	}
	return int64(arg)
}

// count is an integer that must not be negative and fit an int32.
func (r *reader) count() int {
	v := r.int()
	if v < 0 || v > math.MaxInt32 {
		r.fail(CodeBound, "%d is out of bounds", v)
		return 0
	}
	return int(v)
}

func (r *reader) bool() bool {
	kind, arg := r.head()
	if r.err != nil {
		return false
	}
	if kind != kindSimple || arg != 20 && arg != 21 {
		r.fail(CodeShape, "want true or false")
		return false
	}
	return arg == 21
}

// bytes returns the part of the buffer that a byte string occupies.
func (r *reader) bytes() []byte { return r.take(r.want(kindBytes, "a byte string")) }

func (r *reader) text() string { return string(r.rawText()) }

func (r *reader) rawText() []byte {
	s := r.take(r.want(kindText, "a text"))
	if !utf8.Valid(s) {
		r.fail(CodeSyntax, "a text is not UTF-8")
		return nil
	}
	return s
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.b)-r.off) {
		r.fail(CodeSyntax, "cut short")
		return nil
	}
	s := r.b[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return s
}

// array returns the number of elements, which is at most limit and at most what the rest of the buffer can hold.
func (r *reader) array(limit int) int {
	n := r.want(kindArray, "an array")
	if n > uint64(limit) {
		r.fail(CodeBound, "%d elements; at most %d", n, limit)
		return 0
	}
	if n > uint64(len(r.b)-r.off) {
		r.fail(CodeSyntax, "cut short")
		return 0
	}
	return int(n)
}

// end wants that nothing is left.
func (r *reader) end() {
	if r.err == nil && r.off != len(r.b) {
		r.field = 0
		r.fail(CodeSyntax, "%d bytes too many", len(r.b)-r.off)
	}
}

// skip passes over one item of a field that this version does not know. It must be well-formed all the same.
func (r *reader) skip(nesting int) {
	if nesting > maxNesting {
		r.fail(CodeBound, "nested deeper than %d", maxNesting)
		return
	}
	kind, arg := r.head()
	if r.err != nil {
		return
	}
	switch kind {
	case kindBytes:
		r.take(arg)
	case kindText:
		if s := r.take(arg); !utf8.Valid(s) {
			r.fail(CodeSyntax, "a text is not UTF-8")
		}
	case kindArray:
		for ; arg > 0 && r.err == nil; arg-- {
			r.skip(nesting + 1)
		}
	case kindMap:
		r.skipMap(arg, nesting)
	case kindSimple:
		switch arg {
		case 20, 21, 22: // false, true, null
		case 25, 26, 27: // floats
			r.take(1 << (arg - 24))
		default:
			r.fail(CodeSyntax, "simple value %d is not allowed", arg)
		}
	}
}

func (r *reader) skipMap(pairs uint64, nesting int) {
	var last []byte
	for ; pairs > 0 && r.err == nil; pairs-- {
		start := r.off
		r.skip(nesting + 1)
		if r.err != nil {
			return
		}
		key := r.b[start:r.off]
		if last != nil && bytes.Compare(last, key) >= 0 {
			r.fail(CodeSyntax, "the keys of a map do not ascend")
		}
		last = key
		r.skip(nesting + 1)
	}
}
