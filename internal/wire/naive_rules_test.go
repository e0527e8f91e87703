package wire

import (
	"regexp"
	"strings"

	"brine/internal/event"
)

// The rules of SPEC.md for single fields, as regular expressions and plain comparisons.

var (
	nID   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$`)
	nEvID = regexp.MustCompile(`^(@master|[A-Za-z0-9][A-Za-z0-9._-]{0,252}):[a-z2-7]{8}:([1-9][0-9]*)$`)
	nHash = regexp.MustCompile(`^[0-9a-f]{64}$`)
	nJID  = regexp.MustCompile(`^[a-z2-7]{16}$`)
	nTag  = regexp.MustCompile(`^[^\x00-\x1f\x7f*/]+(/[^\x00-\x1f\x7f*/]+)*$`)
	nCtl  = regexp.MustCompile(`[\x00-\x1f\x7f]`)
)

func num(v any) uint64 { n, _ := v.(uint64); return n }

func neg(v any) bool { _, n := v.(nNeg); return n }

func txt(v any) string { s, _ := v.(string); return s }

func name(v any, limit int) { want(len(txt(v)) <= limit && !nCtl.MatchString(txt(v))) }

func evID(v any) {
	s, ok := v.(string)
	want(ok)
	m := nEvID.FindStringSubmatch(s)
	want(m != nil && (len(m[2]) < 20 || len(m[2]) == 20 && m[2] <= "18446744073709551615"))
}

func naiveEvent(f map[uint64]any) {
	want(num(f[1]) >= 1)
	want(len(txt(f[3])) <= 1024 && nTag.MatchString(txt(f[3])))
	name(f[4], 256)
	causes, _ := f[5].([]any)
	want(len(causes) <= 16)
	for _, c := range causes {
		evID(c)
	}
	want(num(f[6]) <= 255)
	data, _ := f[8].([]byte)
	want(len(data) <= 262144)
}

func naiveMessage(t byte, f map[uint64]any) {
	data, _ := f[4].([]byte)
	list, _ := f[2].([]any)
	switch t {
	case 1:
		naiveHello(f)
	case 2:
		want(num(f[1]) >= 1 && num(f[1]) <= 255)
	case 3:
		want(len(list) >= 1 && len(list) <= 1024)
		for _, e := range list {
			want(naiveKind(e, 'd'))
		}
		want(num(f[1]) >= 1 && num(f[1]) <= 1<<64-1-uint64(len(list)))
	case 4:
		want(len(list) <= 1024)
		last := uint64(0)
		for _, x := range list {
			r := naiveFields(x, "1u 2t")
			want(num(r[1]) > last && num(r[1]) <= num(f[1]) && len(txt(r[2])) <= 1024)
			last = num(r[1])
		}
	case 5:
		want(nJID.MatchString(txt(f[1])) && num(f[2]) >= 1 && num(f[2]) <= 1<<20)
	case 6:
		naiveJob(f)
	case 7:
		want(nHash.MatchString(txt(f[1])) && !neg(f[2]))
	case 8:
		want(nJID.MatchString(txt(f[1])))
	case 10:
		off, size, n := num(f[2]), num(f[3]), uint64(len(data))
		want(nHash.MatchString(txt(f[1])) && !neg(f[2]) && !neg(f[3]) && len(txt(f[5])) <= 1024)
		if txt(f[5]) != "" {
			want(n == 0)
		} else {
			want(n <= 262144 && off+n <= size && (n > 0 || off == size))
		}
	case 14:
		want(txt(f[1]) != "" && nHash.MatchString(txt(f[2])))
		name(f[1], 1024)
		naiveData(f[3], 524288)
	case 12:
		want(len(txt(f[1])) <= 1024 && len(txt(f[2])) <= 1024)
	}
}

func naiveHello(f map[uint64]any) {
	want(num(f[1]) >= 1 && num(f[1]) <= num(f[2]) && num(f[2]) <= 255)
	want(nID.MatchString(txt(f[3])))
	want(num(f[4]) >= 1 && num(f[4]) < 1<<40)
	want(num(f[5]) >= 1 && num(f[5]) <= num(f[6]) && num(f[7]) < num(f[5]))
	name(f[9], 64)
	naiveData(f[10], 65536)
}

// naiveData is a byte string that holds a map, or is empty.
func naiveData(field any, limit int) {
	data, _ := field.([]byte)
	want(len(data) <= limit)
	if len(data) > 0 {
		v, err := event.Data(data).Value() // its rules are those of every event's data
		_, isMap := v.(map[string]any)
		want(err == nil && isMap)
	}
}

func naiveJob(f map[uint64]any) {
	want(nJID.MatchString(txt(f[1])) && num(f[2]) >= 1 && num(f[2]) <= 1<<20)
	want(txt(f[3]) != "" && !neg(f[5]) && num(f[8]) <= 255)
	name(f[3], 1024)
	name(f[6], 1024)
	evID(f[7])
	naiveData(f[10], 262144)
	if f[9] == nil {
		return
	}
	low := naiveNames(f[9], "hash:t states:a source:a")
	want(nHash.MatchString(txt(low["hash"])))
	source, states := low["source"].([]any), low["states"].([]any)
	want(len(source) <= 1024 && len(states) <= 4096)
	for _, s := range source {
		want(naiveKind(s, 't'))
		name(s, 1024)
	}
	for i, s := range states {
		naiveState(naiveNames(s, "id:t sls:t fun:t name:t args:d require:a content:a"), uint64(i))
	}
}

func naiveState(s map[string]any, place uint64) {
	name(s["id"], 1024)
	name(s["sls"], 1024)
	name(s["fun"], 1024)
	require, content := s["require"].([]any), s["content"].([]any)
	want(txt(s["fun"]) != "" && len(txt(s["name"])) <= 8192 && len(s["args"].([]byte)) <= 262144)
	want(len(require) <= 4096 && len(content) <= 1024)
	for _, q := range require {
		want(naiveKind(q, 'u') && num(q) < place)
	}
	for _, c := range content {
		m := naiveNames(c, "hash:t size:i")
		want(nHash.MatchString(txt(m["hash"])) && !neg(m["size"]))
	}
}

// naiveNames is naiveFields for a map with texts as keys, all of them required.
func naiveNames(doc any, spec string) map[string]any {
	m, ok := doc.(nMap)
	want(ok && len(m) <= 64)
	fields := map[string]any{}
	for _, p := range m {
		k, ok := p.k.(string)
		want(ok)
		fields[k] = p.v
	}
	for _, s := range strings.Fields(spec) {
		k, kind, _ := strings.Cut(s, ":")
		want(naiveKind(fields[k], kind[0]))
	}
	return fields
}
