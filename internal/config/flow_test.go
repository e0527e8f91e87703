package config

import (
	"reflect"
	"testing"
)

var flows = []string{
	"a: 1\nb: [x, 'yes', yes, 0644, \"0644\", ~, null, 1.5]\nc: {}\nd: []\ne:\n",
	"/etc/motd: {settle: 50ms, 'a: b': \"#\\t\\\"\\u2028<&>\"}\n",
	"b: 1\na: |\n  two\n  lines\n",
	"- {x: 1}\n- -3\n- 'null'\n- '~'\n- ''\n- '- a'\n",
	"x: 1_000\ny: 0x1F\nz: 12:30\nw: 2026-01-01\n",
}

func TestFlow(t *testing.T) {
	for _, text := range flows {
		checkFlow(t, text)
	}
	a, _ := Parse("a", []byte("b: 1\na: 2\n"))
	b, _ := Parse("b", []byte("{a: 2, 'b': 1}"))
	if Flow(a) != Flow(b) {
		t.Errorf("%s and %s mean the same", Flow(a), Flow(b))
	}
}

func checkFlow(t *testing.T, text string) {
	t.Helper()
	n, faults := Parse("in", []byte(text))
	if len(faults) > 0 {
		return
	}
	again, faults := Parse("again", []byte(Flow(n)))
	if err := faults.Err(); err != nil {
		t.Errorf("%q is written as %q: %v", text, Flow(n), err)
		return
	}
	if !reflect.DeepEqual(n.Value(), again.Value()) || Flow(n) != Flow(again) {
		t.Errorf("%q is written as %q, which is something else", text, Flow(n))
	}
}

func FuzzFlow(f *testing.F) {
	for _, text := range flows {
		f.Add(text)
	}
	f.Fuzz(checkFlow)
}
