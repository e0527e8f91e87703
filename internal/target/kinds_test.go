package target

import (
	"strings"
	"testing"
)

// grainsOf is what minions of these tests say of themselves.
func grainsOf() map[string]map[string]any {
	return map[string]map[string]any{
		"web1": {"os": "Debian", "osrelease": "12.5", "roles": []any{"web", "proxy"}, "virtual": true, "cpus": int64(4), "none": nil,
			"ip": map[string]any{"eth0": []any{"10.0.0.5", "fe80::1"}, "lo": []any{"127.0.0.1"}}, "a:b": "colon", "os_name": "Red Hat",
			"disks": []any{map[string]any{"name": "sda", "ssd": true}, map[string]any{"name": "sdb"}}},
		"web2": {"os": "Ubuntu", "osrelease": "24.04", "roles": "web"},
		"db1":  {"os": "debian", "roles": []any{"db"}},
		"bare": nil,
	}
}

func meansWho(t *testing.T, kind, expr string) string {
	t.Helper()
	target, err := Parse(kind, expr)
	if err != nil {
		t.Fatal(err)
	}
	var who []string
	for _, id := range []string{"bare", "db1", "web1", "web2"} {
		if target.Match(id, grainsOf()[id]) {
			who = append(who, id)
		}
	}
	return strings.Join(who, " ")
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct{ kind, expr, want string }{
		{"pcre", `web\d`, "web1 web2"}, {"regex", "(db|web)1$", "db1 web1"}, {"pcre", "b", "bare"}, {"pcre", "web", "web1 web2"}, {"pcre", ".*1", "db1 web1"},
		{"pcre", "a|web2", "web2"},
		{"grain", "os:Debian", "db1 web1"}, {"grain", "os:deb*", "db1 web1"}, {"grain", "roles:web", "web1 web2"}, {"grain", "roles:*", "db1 web1 web2"},
		{"grain", "virtual:true", "web1"}, {"grain", "virtual:True", "web1"}, {"grain", "cpus:4", "web1"}, {"grain", "none:None", "web1"},
		{"grain", "ip:eth0:10.*", "web1"}, {"grain", "ip:eth0:fe80::1", "web1"}, {"grain", "ip:eth0:fe80:*", "web1"}, {"grain", "ip:*:127.0.0.1", "web1"},
		{"grain", "ip:eth0", "web1"}, {"grain", "ip:eth1", ""}, {"grain", "ip:*", "web1"}, {"grain", "ip:eth0:10.1.*", ""},
		{"grain", "a:b:colon", "web1"}, {"grain", "a:b", ""}, {"grain", "disks:name:sdb", "web1"}, {"grain", "disks:ssd:true", "web1"}, {"grain", "disks:sda", ""},
		{"grain", "os_name:Red Hat", "web1"}, {"grain", "os:[du]*", "db1 web1 web2"}, {"grain", "os:", "fault"}, {"grain", "Os:Debian", ""},
		{"grain_pcre", "os:(debian|ubuntu)$", "db1 web1 web2"}, {"grain_pcre", "osrelease:1", "web1"}, {"grain_regex", "ip:eth0:10(:|\\.)", "web1"}, {"grain_pcre", "ip:eth0:fe80:(:|x)", "web1"},
		{"compound", "*", "bare db1 web1 web2"}, {"compound", "web* and not web1", "web2"}, {"compound", "not web*", "bare db1"}, {"compound", "G@os:Debian and web* or L@bare,x", "bare web1"},
		{"compound", "L@bare,x or web* and G@os:Debian", "bare web1"}, {"compound", "( bare or web* ) and not G@os:Debian", "bare web2"}, {"compound", "(bare or (web*)) and not not web1", "web1"},
		{"compound", "E@(web|db)1 and P@os:d.*n", "db1 web1"}, {"compound", "(E@(web|db)1)", "db1 web1"}, {"compound", `E@web\d and not (web1 or web3)`, "web2"}, {"compound", "not not not web*", "bare db1"},
		{"compound", "not bare and not db1", "web1 web2"},
	} {
		if tt.want == "fault" {
			if _, err := Parse(tt.kind, tt.expr); err == nil {
				t.Errorf("%s %s: no fault", tt.kind, tt.expr)
			}
			continue
		}
		if got := meansWho(t, tt.kind, tt.expr); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.kind, tt.expr, got, tt.want)
		}
	}
}

// What is wrong is told with its place.
func TestKindFaults(t *testing.T) {
	for _, tt := range []struct{ kind, expr, want string }{
		{"nodegroup", "x", "unknown kind of target \"nodegroup\"; known are glob, list, pcre, grain, grain_pcre, compound"},
		{"pcre", "", "empty"}, {"pcre", "web(", "missing closing )"}, {"pcre", "a(?!b)", `position 2: "(?!"; look-around`}, {"pcre", `web[9-1]`, `position 5: "9-1"`},
		{"pcre", strings.Repeat("a", maxRegex+1), "at most 1024"}, {"pcre", "(a{1000}){1000}", "invalid repeat count"},
		{"grain", "os", "want a grain and its value"}, {"grain", ":x", "want a grain and its value"}, {"grain", "os:", "the value is missing at position 4"}, {"grain", "os:[a", "never closed"},
		{"grain_pcre", "os:(", "missing closing )"},
		{"compound", "", "empty"}, {"compound", "web* and", "a term is missing at its end"}, {"compound", "and web*", `"and" at position 1 stands where a term should`},
		{"compound", "web1 web2", `"web2" at position 6 follows a term without an operator; join terms by and, or`}, {"compound", "a AND b", `"AND" at position 3 follows a term without an operator; write and`},
		{"compound", "( a or b", `"(" at position 1 is never closed`}, {"compound", "(a b)", `"b" at position 4 stands where`}, {"compound", "a )", `")" at position 3 closes nothing`}, {"compound", "a or ()", `")" at position 7 stands where a term`},
		{"compound", "G@os and a", `"G@os" at position 1 is no such target`}, {"compound", "a and X@b", `unknown letter; known are G, P`}, {"compound", "I@a:b", "by pillar"}, {"compound", "N@x", "node groups"},
		{"compound", "a or b/c", `"b/c" at position 6`}, {"compound", strings.Repeat("not ", maxDepth+1) + "a", "nested deeper"}, {"compound", strings.Repeat("a or ", maxTerms) + "a", "2049 words"},
		{"compound", strings.Repeat("(", 1000), "nested deeper"},
	} {
		_, err := Parse(tt.kind, tt.expr)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %.50s: %v, want %s", tt.kind, tt.expr, err, tt.want)
		}
	}
}
