package reactors

import (
	"reflect"
	"slices"
	"sort"
	"strings"

	"brine/internal/config"
	"brine/internal/event"
)

// known are the tags that Brine itself fires (design, 4), by the segment after brine/.
var known = map[string]string{
	"beacon":  "brine/beacon/*/*/*/**",
	"minion":  "brine/minion/*/*/**",
	"key":     "brine/key/*/*",
	"job":     "brine/job/*/*/**",
	"drift":   "brine/drift/*/*/**",
	"reactor": "brine/reactor/*/*",
	"gap":     "brine/gap/*",
	"master":  "brine/master/**",
}

// lint warns of patterns that are probably not what their author means.
func (c *ruleCompiler) lint(n *config.Node, p event.Pattern) {
	s := p.Segments()
	switch {
	case s[0] == "salt":
		c.warn(n, "Brine's own events begin with brine/, and '*' stands within one segment: "+fromSalt(s),
			"nothing in Brine fires below salt/, and '*' does not cross slashes as in Salt")
	case s[0] == "brine":
		c.lintReserved(n, s)
	}
}

// fromSalt guesses the Brine pattern that a Salt one stands for.
func fromSalt(s []string) string {
	if len(s) > 3 && s[1] == "beacon" {
		beacon := s[3]
		if beacon == "inotify" {
			beacon = "file"
		}
		return "brine/beacon/" + s[2] + "/" + beacon + "/**"
	}
	if len(s) > 1 && known[s[1]] != "" {
		return "brine/" + s[1] + "/**"
	}
	return "such as brine/beacon/*/file/**"
}

func (c *ruleCompiler) lintReserved(n *config.Node, s []string) {
	if len(s) > 1 && !strings.Contains(s[1], "*") && known[s[1]] == "" {
		kinds := make([]string, 0, len(known))
		for k := range known {
			kinds = append(kinds, k)
		}
		sort.Strings(kinds)
		hint := didYouMean(s[1], kinds)
		if hint == "" {
			hint = "there are " + strings.Join(kinds, ", ")
		}
		c.warn(n, hint, "nothing fires below brine/%s", s[1])
		return
	}
	possible := false
	for _, k := range known {
		possible = possible || overlap(s, strings.Split(k, "/"))
	}
	if !possible {
		hint := "** stands for any number of segments"
		if len(s) > 1 && known[s[1]] != "" {
			hint = "those tags look like " + known[s[1]]
		}
		c.warn(n, hint, "no tag that Brine fires matches %q", strings.Join(s, "/"))
		return
	}
	c.lintBeacon(n, s)
}

// lintBeacon looks at a pattern for one beacon: whether there is such a beacon, and whether '*' was meant to cross slashes.
func (c *ruleCompiler) lintBeacon(n *config.Node, s []string) {
	if len(s) < 4 || s[1] != "beacon" || s[2] == "**" || strings.Contains(s[3], "*") {
		return
	}
	zero, ok := c.beacons[s[3]]
	if !ok {
		names := make([]string, 0, len(c.beacons))
		for k := range c.beacons {
			names = append(names, k)
		}
		sort.Strings(names)
		c.warn(n, didYouMean(s[3], names), "there is no beacon %q, so its data cannot be checked", s[3])
		return
	}
	if tail := s[4:]; tagsArePaths(zero) && len(tail) > 0 && tail[len(tail)-1] == "*" && !slices.Contains(tail, "**") {
		c.warn(n, "write "+strings.Join(s[:len(s)-1], "/")+"/** for all that is below",
			"'*' is one segment: %q matches no file in a folder further down", strings.Join(s, "/"))
	}
}

// tagsArePaths guesses from a beacon's data whether its tags end in a path.
func tagsArePaths(zero any) bool {
	t := reflect.TypeOf(zero)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tag == "path" {
			return true
		}
	}
	return false
}

// overlap reports whether some tag matches both patterns. It fills a table from the ends, so that its time is the product of their
// lengths however many '**' there are.
func overlap(a, b []string) bool {
	table := make([][]bool, len(a)+1)
	for i := len(a); i >= 0; i-- {
		table[i] = make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			deepA, deepB := i < len(a) && a[i] == "**", j < len(b) && b[j] == "**"
			switch {
			case i == len(a) && j == len(b):
				table[i][j] = true
			case deepA || deepB:
				table[i][j] = deepA && table[i+1][j] || deepB && table[i][j+1] ||
					deepA && j < len(b) && table[i][j+1] || deepB && i < len(a) && table[i+1][j]
			case i < len(a) && j < len(b):
				table[i][j] = segmentsOverlap(a[i], b[j]) && table[i+1][j+1]
			}
		}
	}
	return table[0][0]
}

// segmentsOverlap compares what stands before the first '*' and behind the last when both have one, and otherwise errs to yes: a warning less is
// better than a wrong one.
func segmentsOverlap(a, b string) bool {
	switch {
	case !strings.Contains(a, "*"):
		return event.MatchSegment(b, a)
	case !strings.Contains(b, "*"):
		return event.MatchSegment(a, b)
	}
	a1, b1 := a[:strings.Index(a, "*")], b[:strings.Index(b, "*")]
	a2, b2 := a[strings.LastIndex(a, "*")+1:], b[strings.LastIndex(b, "*")+1:]
	return (strings.HasPrefix(a1, b1) || strings.HasPrefix(b1, a1)) && (strings.HasSuffix(a2, b2) || strings.HasSuffix(b2, a2))
}
