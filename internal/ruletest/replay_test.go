package ruletest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"brine/internal/event"
	"brine/reactors"
)

// logged makes events of a log, a second apart: "web1 a/b" is one that a minion fired, "> a/b" one that a rule did.
func logged(t *testing.T, lines ...string) (list []event.Event) {
	t.Helper()
	for i, line := range lines {
		who, tag, _ := strings.Cut(line, " ")
		at := start.Add(time.Duration(i) * time.Second)
		e := event.Event{ID: event.ID{Origin: event.Master, Inc: 7, Seq: uint64(i + 1)}, Pos: uint64(i + 1), Tag: tag, Time: at, Received: at}
		switch who {
		case ">":
			e.Causes = []event.ID{{Origin: event.Master, Inc: 7, Seq: 1}}
		case "-":
		default:
			e.Minion, e.ID.Origin = who, who
		}
		list = append(list, e)
	}
	return list
}

func TestReplay(t *testing.T) {
	const restore = "restore:\n  on: %s\n  do: [{state.apply: motd}]\n"
	const chain = "first:\n  on: deploy\n  from: '*'\n  do: [{event.fire: %s}]\nsecond:\n  on: told/*\n  do: [{event.fire: end}]\n"
	motd, hosts := "brine/beacon/*/file/etc/motd", "brine/beacon/*/file/etc/*"
	edits := []string{"web1 brine/beacon/web1/file/etc/motd", "web2 brine/beacon/web2/file/etc/hosts", "- brine/reactor/restore/timer"}
	for name, c := range map[string]struct {
		now, next string
		log       []string
		want      []string // rule change now -> proposed, minions, and what only one of them fires for
	}{
		"the same":        {fmt.Sprintf(restore, motd), fmt.Sprintf(restore, motd), edits, []string{"restore same 1 -> 1 [web1] [] []"}},
		"a wider pattern": {fmt.Sprintf(restore, motd), fmt.Sprintf(restore, hosts), edits, []string{"restore differs 1 -> 2 [web1 web2] [web2:aaaaaaah:2] []"}},
		"a narrower one":  {fmt.Sprintf(restore, hosts), fmt.Sprintf(restore, motd), edits, []string{"restore differs 2 -> 1 [web1] [] [web2:aaaaaaah:2]"}},
		"new, removed": {fmt.Sprintf(restore, motd), strings.Replace(fmt.Sprintf(restore, motd), "restore", "put-back", 1), edits,
			[]string{"put-back new 0 -> 1 [web1] [web1:aaaaaaah:1] []", "restore removed 1 -> 0 [] [] [web1:aaaaaaah:1]"}},
		"as often, another step": {fmt.Sprintf(restore, motd), strings.Replace(fmt.Sprintf(restore, motd), "apply: motd", "apply: moth", 1), edits,
			[]string{"restore differs 1 -> 1 [web1] [] []"}},
		"shadow counts": {fmt.Sprintf(restore, motd), fmt.Sprintf(restore, motd) + "  mode: shadow\n", edits, []string{"restore differs 1 -> 1 [web1] [] []"}},
		"chains are made anew": {fmt.Sprintf(chain, "told/a"), fmt.Sprintf(chain, "other"), []string{"web1 deploy", "> told/a", "> end"},
			[]string{"first differs 1 -> 1 [web1] [] []", "second differs 1 -> 0 [] [] [web1:aaaaaaah:1]"}},
		"what should have come": {"", "silent:\n  on: {absent: beat, within: 1m, by: [minion]}\n  from: '*'\n  do: [{event.fire: silent}]\n", []string{"web1 beat", "web1 beat"},
			[]string{"silent new 0 -> 1 [] [] []"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReplay(load(t, c.now), load(t, c.next), reactors.World{})
			for _, e := range logged(t, c.log...) {
				if err := r.Show(e); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.End(start.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range r.Changes() {
				got = append(got, fmt.Sprintf("%s %s %d -> %d %v %v %v", c.Rule, c.Kind, c.Now.Fires, c.Proposed.Fires, c.Minions, c.More, c.Less))
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestReplayDecidesTheSame: the same log twice gives the same comparison.
func TestReplayDecidesTheSame(t *testing.T) {
	var reports [2][]Change
	for i := range reports {
		r := NewReplay(load(t, rules), load(t, strings.ReplaceAll(rules, "10s", "1s")), reactors.World{})
		for n := range 50 {
			tag := []string{"brine/beacon/web1/file/etc/motd", "pool/full", "ops/deploy", "circle/a"}[n%4]
			at := start.Add(time.Duration(n) * time.Second)
			if err := r.Show(event.Event{ID: event.ID{Origin: "web1", Inc: 7, Seq: uint64(n + 1)}, Tag: tag, Minion: "web1", Time: at, Received: at}); err != nil {
				t.Fatal(err)
			}
		}
		reports[i] = r.Changes()
	}
	if !reflect.DeepEqual(reports[0], reports[1]) {
		t.Errorf("%v\n%v", reports[0], reports[1])
	}
}
