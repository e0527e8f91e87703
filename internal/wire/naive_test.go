package wire

import (
	"encoding/hex"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This is the second reading of SPEC.md: slow, by another way than the codec (it builds a tree of values first, then
// compares its own deterministic encoding with the input), and without any code of the codec's. Both must agree.

type (
	nPair struct{ k, v any }
	nMap  []nPair
	nNeg  uint64 // -1 - n
	nRaw  []byte // a float or a simple value, as it stands
)

type nErr string

func naiveItem(b []byte, depth int) (v any, rest []byte) {
	if depth > 16 {
		panic(nErr("deep"))
	}
	if len(b) == 0 {
		panic(nErr("short"))
	}
	major, info := b[0]>>5, b[0]&0x1f
	n, b1 := uint64(info), b[1:]
	if info >= 24 {
		if info > 27 {
			panic(nErr("indefinite"))
		}
		size := 1 << (info - 24)
		if len(b1) < size {
			panic(nErr("short"))
		}
		n, _ = strconv.ParseUint(hex.EncodeToString(b1[:size]), 16, 64)
		b1 = b1[size:]
	}
	switch major {
	case 0:
		return n, b1
	case 1:
		return nNeg(n), b1
	case 2, 3:
		if n > uint64(len(b1)) {
			panic(nErr("short"))
		}
		if major == 2 {
			return b1[:n], b1[n:]
		}
		if !utf8.Valid(b1[:n]) {
			panic(nErr("utf8"))
		}
		return string(b1[:n]), b1[n:]
	case 4:
		list := []any{}
		for range n {
			v, b1 = naiveItem(b1, depth+1)
			list = append(list, v)
		}
		return list, b1
	case 5:
		m := nMap{}
		for range n {
			var p nPair
			p.k, b1 = naiveItem(b1, depth+1)
			p.v, b1 = naiveItem(b1, depth+1)
			m = append(m, p)
		}
		return m, b1
	case 7:
		if info == 20 || info == 21 {
			return info == 21, b1
		}
		if info == 22 || info >= 25 {
			return nRaw(b[:len(b)-len(b1)]), b1
		}
	}
	panic(nErr("tag or simple"))
}

// naiveBytes encodes again, with the keys sorted: what differs from the input was not deterministic.
func naiveBytes(v any) string {
	head := func(major byte, n uint64) string {
		switch {
		case n < 24:
			return string([]byte{major<<5 | byte(n)})
		case n <= math.MaxUint8:
			return string([]byte{major<<5 | 24, byte(n)})
		}
		for i, digits := range []int{4, 8, 16} {
			if digits == 16 || n < 1<<(digits*4) {
				raw, _ := hex.DecodeString(fmt.Sprintf("%0*x", digits, n))
				return string([]byte{major<<5 | byte(25+i)}) + string(raw)
			}
		}
		return ""
	}
	switch v := v.(type) {
	case uint64:
		return head(0, v)
	case nNeg:
		return head(1, uint64(v))
	case []byte:
		return head(2, uint64(len(v))) + string(v)
	case string:
		return head(3, uint64(len(v))) + v
	case []any:
		s := head(4, uint64(len(v)))
		for _, e := range v {
			s += naiveBytes(e)
		}
		return s
	case nMap:
		var pairs []string
		keys := map[string]bool{}
		for _, p := range v {
			key := naiveBytes(p.k)
			pairs = append(pairs, key+naiveBytes(p.v))
			if keys[key] {
				panic(nErr("twice"))
			}
			keys[key] = true
		}
		sort.Strings(pairs) // no encoded key is the beginning of another
		return head(5, uint64(len(v))) + strings.Join(pairs, "")
	case bool:
		if v {
			return "\xf5"
		}
		return "\xf4"
	case nRaw:
		return string(v)
	}
	panic(fmt.Sprintf("%T", v))
}

// naiveDoc reads exactly one deterministic item.
func naiveDoc(b []byte) any {
	v, rest := naiveItem(b, 0)
	if len(rest) > 0 || naiveBytes(v) != string(b) {
		panic(nErr("not deterministic"))
	}
	return v
}

// naive reports whether b is a message (or with typ 0 an event) as SPEC.md has it, and its fields by key.
func naive(b []byte, isEvent bool) (fields map[uint64]any, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, mine := p.(nErr); !mine {
				panic(p)
			}
			fields, ok = nil, false
		}
	}()
	if isEvent {
		if len(b) > 262144+1024+8192 {
			panic(nErr("size"))
		}
		fields = naiveFields(naiveDoc(b), "1u 2i 3t 4t? 5a? 6u? 7b? 8d?")
		naiveEvent(fields)
		return fields, true
	}
	if len(b) == 0 || len(b) > 1048576 {
		panic(nErr("size"))
	}
	spec, known := map[byte]string{
		1: "1u 2u 3t 4u 5u 6u 7u 8i 9t? 10d?", 2: "1u 2u 3u 4i", 3: "1u 2a", 4: "1u 2a?", 5: "1t 2u", 6: "1t 2u 3t 4b? 5i 6t? 7t 8u 9m? 10d?",
		7: "1t 2i", 8: "1t", 10: "1t 2i 3i 4d? 5t?", 12: "1t 2t?", 14: "1t 2t 3d?",
	}[b[0]]
	if !known {
		panic(nErr("type"))
	}
	fields = naiveFields(naiveDoc(b[1:]), spec)
	naiveMessage(b[0], fields)
	return fields, true
}

// naiveFields checks keys and kinds against a list such as "1u 2t?": u unsigned, i signed, t text, d bytes, a array, m map, b
// true or false; ? for what may be absent.
func naiveFields(doc any, spec string) map[uint64]any {
	m, ok := doc.(nMap)
	if !ok || len(m) > 64 {
		panic(nErr("no map"))
	}
	fields := map[uint64]any{}
	for _, p := range m {
		k, ok := p.k.(uint64)
		if !ok {
			panic(nErr("key"))
		}
		fields[k] = p.v
	}
	for _, s := range strings.Fields(spec) {
		optional := strings.HasSuffix(s, "?")
		s = strings.TrimSuffix(s, "?")
		key, _ := strconv.ParseUint(s[:len(s)-1], 10, 64)
		v, there := fields[key]
		if !there && optional {
			continue
		}
		want(naiveKind(v, s[len(s)-1]))
	}
	return fields
}

func naiveKind(v any, kind byte) bool {
	var ok bool
	switch kind {
	case 'u':
		_, ok = v.(uint64)
	case 'i':
		if n, neg := v.(nNeg); neg {
			return n <= math.MaxInt64
		}
		n, is := v.(uint64)
		ok = is && n <= math.MaxInt64
	case 't':
		_, ok = v.(string)
	case 'd':
		_, ok = v.([]byte)
	case 'a':
		_, ok = v.([]any)
	case 'm':
		_, ok = v.(nMap)
	case 'b':
		_, ok = v.(bool)
	}
	return ok
}

func want(ok bool) {
	if !ok {
		panic(nErr("want"))
	}
}
