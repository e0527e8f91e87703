package reactors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
)

// eval gives the verdict of a condition over one event of the file beacon.
func eval(t *testing.T, when string, data any) Verdict {
	t.Helper()
	r := New(mustLoad(t, "r:\n  on: brine/beacon/*/file/**\n  when: |-\n    "+when+"\n  do: {event.fire: x}\n"))
	return r.Step(fired(t, 0, "web1", "brine/beacon/web1/file/etc/motd", data), World{})[0]
}

// What a condition makes of fields that are there, missing, null, or of another type than they should be.
func TestFields(t *testing.T) {
	full := map[string]any{"path": "/etc/motd", "change": "modified", "seen": "2026-11-20T12:00:00.5Z",
		"before": map[string]any{"size": 3}, "actor": map[string]any{"pid": 7, "exe": "/bin/vi", "uid": 0}}
	nulls := map[string]any{"path": nil, "before": nil, "actor": map[string]any{"uid": nil}, "seen": nil}
	wrong := map[string]any{"path": 3, "actor": "root", "before": []int{1}, "seen": "yesterday"}
	for _, c := range []struct {
		what string
		when string
		data any
		want Outcome
	}{
		{"a field", "data.path == '/etc/motd'", full, Fired},
		{"a field below", "data.actor.exe == '/bin/vi' && data.actor.pid == 7", full, Fired},
		{"a pointer to a number", "data.actor.uid == 0", full, Fired},
		{"a time", "data.seen > timestamp('2026-11-20T12:00:00Z') && data.seen < time + duration('1s')", full, Fired},
		{"a struct is not null", "data.actor != null && has(data.before)", full, Fired},
		{"two structs of one type", "data.before != data.after", full, Fired},
		{"an optional chain", "data.?actor.?uid.orValue(99) == 0", full, Fired},
		{"a missing string is empty", "data.path == '' && data.change == '' && data.diff == ''", nil, Fired},
		{"a missing pointer is null", "data.actor == null && data.before == null", nil, Fired},
		{"a missing pointer has none", "!has(data.actor) && !data.?actor.hasValue()", nil, Fired},
		{"null of a string is empty", "data.path == ''", nulls, Fired},
		{"null is not set", "!has(data.before) && !has(data.actor.uid)", nulls, Fired},
		{"null of a pointer is null", "data.actor.uid == null", nulls, Fired},
		{"null of a pointer is no number", "data.actor.uid > 5", nulls, Error},
		{"null in an optional chain is none", "data.?actor.?uid.orValue(99) == 99 && data.?before.?size.orValue(-1) == -1", nulls, Fired},
		{"below null", "data.before.size > 3", nulls, Error},
		{"below missing", "data.actor.exe != '/bin/vi'", nil, Error},
		{"another type", "data.path != ''", wrong, Error},
		{"below another type", "data.actor.exe != ''", wrong, Error},
		{"a list for a struct", "data.before.size != 3", wrong, Error},
		{"no time", "data.seen > time", wrong, Error},
		{"no map at all", "data.path == ''", []int{1}, Error},
		{"macros and strings", "data.path.split('/').exists(s, s == 'etc') && data.path.lowerAscii().matches('^/etc')", full, Fired},
		{"a hostile regular expression is linear", "'" + strings.Repeat("a", 200) + "!'.matches('^(a+)+$')", full, No},
		{"a costly condition ends", "data.path.split('').all(a, data.path.split('').all(b, data.path.split('').all(c, a + b != c)))",
			map[string]any{"path": strings.Repeat("x", 500)}, Error},
	} {
		if got := eval(t, c.when, c.data); got.Outcome != c.want {
			t.Errorf("%s: %s: %s, want %s: %s", c.what, c.when, got.Outcome, c.want, got.Why)
		}
	}
}

// The reason for "no" names the part that was false and what it saw, and no more than fits.
func TestWhyNot(t *testing.T) {
	long := strings.Repeat("x", 4000)
	data := map[string]any{"path": "/etc/motd", "change": "removed", "diff": long, "before": map[string]any{"size": 3}}
	for _, c := range []struct{ when, want string }{
		{"data.change != 'removed'", `data.change != 'removed' is false (data.change = "removed")`},
		{"data.path != '' && data.change == 'modified'", `data.change == 'modified' is false (data.change = "removed")`},
		{"data.path == '' && data.change == 'modified'", `data.path == '' is false (data.path = "/etc/motd")`},
		{"data.path != '' && (data.change == 'a' || data.change == 'b')",
			`(data.change == 'a' || data.change == 'b') is false (data.change = "removed")`},
		{"(data.path != '' && data.before.size > 5) && own", `data.before.size > 5 is false (data.before.size = 3)`},
		{"data.path.startsWith('/usr')", `data.path.startsWith('/usr') is false (data.path = "/etc/motd")`},
		{"own", "own is false (own = false)"},
		{"!(data.path in ['/etc/motd'])", `!(data.path in ['/etc/motd']) is false (data.path = "/etc/motd")`},
		{"data.?actor.hasValue()", "data.?actor.hasValue() is false (data.?actor = none)"},
		{"data.actor != null", "data.actor != null is false (data.actor = null)"},
		{"data.path.split('/').exists(s, s == 'x' && s != tag)", `data.path.split('/').exists(s, s == 'x' && s != tag) is false (data.path = "/etc/motd")`},
		{"data.diff == '&&' && own", `data.diff == '&&' is false (data.diff = "` + long[:maxValue-3] + `...")`},
	} {
		got := eval(t, c.when, data)
		if got.Outcome != No || got.Why != c.want {
			t.Errorf("%s\n got %s: %s\nwant no: %s", c.when, got.Outcome, got.Why, c.want)
		}
	}
	if got := eval(t, "data.diff == '"+strings.Repeat("y", 1000)+"'", data); len(got.Why) > maxWhy {
		t.Errorf("a reason of %d characters", len(got.Why))
	}
}

// Events outside the known kinds have data that may be anything; job results are typed.
func TestKindsOfData(t *testing.T) {
	for on, want := range map[string]string{
		"brine/beacon/*/file/**":     `has no field "nope"`,
		"brine/beacon/web*/file/etc": `has no field "nope"`,
		"brine/job/*/ret/*":          `has no field "nope"`,
		"brine/beacon/**":            "",
		"brine/beacon/*/fil*/x":      "",
		"brine/**/beacon/file":       "",
		"**":                         "",
		"ops/x":                      "",
	} {
		_, faults := Load([]Source{{"r", fmt.Appendf(nil, "r:\n  on: %q\n  when: data.nope == 1\n  do: {event.fire: x}\n", on)}}, testEnv)
		if got := faults.Error(); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("on %s: %q, want %q", on, got, want)
		}
	}
	r := New(mustLoad(t, `
r:
  on: brine/job/*/ret/*
  when: "!data.ok && data.states.exists(s, !s.ok && s.changes.size() == 0) && data.took_ns > 5 && data.started < time"
  do: {event.fire: {tag: "failed${data.states[0].name}", data: {at: "${data.started}", states: "${data.states}"}}}
`))
	v := r.Step(fired(t, time.Hour, "web1", "brine/job/x/ret/web1", map[string]any{"ok": false, "took_ns": 6, "started": start,
		"states": []any{map[string]any{"ok": false, "name": "/etc/motd"}}}), World{})[0]
	if v.Outcome != Fired || v.Decisions[0].Fire.Tag != "failed/etc/motd" {
		t.Errorf("%+v", v)
	}
}

// What ${...} becomes: the value itself where it stands alone in data, text elsewhere; never more than one argument.
func TestTemplates(t *testing.T) {
	r := New(mustLoad(t, `
r:
  on: ops/**
  do:
    - event.fire:
        tag: "got/${data.s}"
        data: {all: "${data}", n: "${data.n}", text: "n=${data.n} l=${data.l} b=${data.b}", deep: [{x: "${data.l[1]}"}], when: "${time}", none: "${data.?nope}", map: "${{'a': [data.n]}}"}
    - master.exec: {argv: [echo, "${data.s}", "${data.evil}", "$${HOME} $HOME }"], env: {S: "${data.s}"}, timeout: 3s}
`))
	v := r.Step(fired(t, 0, "", "ops/x", map[string]any{"s": "50%*", "n": 3, "l": []any{1, "two"}, "b": 2.5, "evil": "; rm -rf /\n'\"$(x)"}), World{})[0]
	if v.Outcome != Fired {
		t.Fatal(v.Why)
	}
	got, _ := v.Decisions[0].Fire.Data.MarshalJSON()
	want := `{"all":{"b":2.5,"evil":"; rm -rf /\n'\"$(x)","l":[1,"two"],"n":3,"s":"50%*"},"deep":[{"x":"two"}],"map":{"a":[3]},"n":3,"none":null,` +
		`"text":"n=3 l=[1,\"two\"] b=2.5","when":"2026-11-20T12:00:00Z"}`
	if string(got) != want {
		t.Errorf("data\n got %s\nwant %s", got, want)
	}
	if tag := v.Decisions[0].Fire.Tag; tag != "got/50%25%2A" {
		t.Errorf("tag %q", tag)
	}
	d := v.Decisions[1]
	if got := fmt.Sprintf("%q %q %s", d.Args.Argv, d.Args.Env, d.Timeout); got !=
		`["echo" "50%*" "; rm -rf /\n'\"$(x)" "${HOME} $HOME }"] map["S":"50%*"] 3s` {
		t.Errorf("exec %s", got)
	}
}

// Results that cannot stand where they are put are errors, and then nothing of the rule is done.
func TestTemplateErrors(t *testing.T) {
	for do, want := range map[string]string{
		`{event.fire: "${data.tag}"}`:                                        "lies below brine/",
		`{event.fire: "${data.none}/x"}`:                                     "is null",
		`{event.fire: "x/${data.long}"}`:                                     "at most 1024",
		`{event.fire: {tag: x, data: {a: "${data.big}", b: "${data.big}"}}}`: "at most 262144",
		`{event.fire: {tag: x, data: {a: "${type(tag)}"}}}`:                  "nothing that data can hold",
		`{event.fire: {tag: x, data: {a: "${{1: 2}}"}}}`:                     "want a string",
		`{master.exec: [a, "${data.zero}"]}`:                                 "zero byte",
		`{master.exec: [a, "${data.none}"]}`:                                 "is null",
		`{state.apply: x}`:                                                   "no minion fired",
		`{state.apply: x, tgt: "${data.star}"}`:                              "may be inserted",
		`{state.apply: x, tgt: "a${data.none2}*"}`:                           "is empty",
		`{state.apply: x, tgt: "${data.comma}", tgt_type: list}`:             "may be inserted",
	} {
		r := New(mustLoad(t, "r:\n  on: ops/x\n  do: [{event.fire: first}, "+do+"]\n"))
		v := r.Step(fired(t, 0, "", "ops/x", map[string]any{"tag": "brine/key/x/accepted", "none": nil, "none2": "", "long": strings.Repeat("x", 1100),
			"big": strings.Repeat("x", event.MaxData/2), "zero": "a\x00b", "star": "*", "comma": "a,b"}), World{})[0]
		if v.Outcome != Error || len(v.Decisions) > 0 || !strings.Contains(v.Why, want) {
			t.Errorf("%s: %s: %s; want an error with %q", do, v.Outcome, v.Why, want)
		}
	}
}

// Data that nobody looks at is not decoded, so that damage in it does no harm to rules that do not ask.
func TestDataIsDecodedWhenAsked(t *testing.T) {
	r := New(mustLoad(t, "a:\n  on: x\n  do: {event.fire: y}\nb:\n  on: x\n  when: data.z == 1\n  do: {event.fire: y}\n"))
	e := fired(t, 0, "", "x", nil)
	e.Data = event.Data{0xff}
	vs := r.Step(e, World{})
	if len(vs) != 2 || vs[0].Outcome != Fired || vs[1].Outcome != Error || !strings.Contains(vs[1].Why, "cannot be read") {
		t.Errorf("%+v", vs)
	}
}
