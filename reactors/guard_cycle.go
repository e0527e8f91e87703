package reactors

import (
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/job"
)

// maxOverlaps bounds the comparisons of patterns with tags that an event decides a part of.
const maxOverlaps = 1_000_000

// firing is the pattern of the tags that a step fires: what an event decides stands for one segment, or a part of one.
func (st *step) firing() (pattern string, literal, ok bool) {
	if st.tag == nil || st.fun != job.EventFire {
		return "", false, false
	}
	var text strings.Builder
	literal = true
	for _, p := range st.tag.parts {
		if p.x != nil {
			literal = false
			text.WriteByte('*')
			continue
		}
		text.WriteString(p.text)
	}
	return text.String(), literal, true
}

// unconditional reports whether a rule fires each time that its pattern matches. One that has a condition or a throttle may well have it to end
// what would be a circle: a warning less is better than a wrong one.
func (r *rule) unconditional() bool {
	if r.cond != nil || r.throttle != nil || r.shadow || r.variants[0].when != nil {
		return false
	}
	for i := range r.triggers {
		if r.triggers[i].when != nil {
			return false
		}
	}
	return true
}

// cycles warns of rules that can go on triggering each other: one fires what the next one waits for, and so on back to
// the first, and none of them has a condition.
func (l *loader) cycles() {
	next := l.triggers()
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(l.set.rules))
	var path []int
	var visit func(i int)
	visit = func(i int) {
		state[i] = open
		path = append(path, i)
		for _, j := range next[i] {
			switch state[j] {
			case unseen:
				visit(j)
			case open:
				l.warnCycle(path, j)
			}
		}
		path = path[:len(path)-1]
		state[i] = done
	}
	for i := range l.set.rules {
		if state[i] == unseen {
			visit(i)
		}
	}
}

// triggers lists, for each rule, those whose patterns match what it fires.
func (l *loader) triggers() [][]int {
	next := make([][]int, len(l.set.rules))
	budget := maxOverlaps
	var sc search
	for i, r := range l.set.rules {
		if !r.unconditional() {
			continue
		}
		for _, st := range r.variants[0].steps {
			pattern, literal, ok := st.firing()
			switch {
			case !ok:
			case literal:
				for _, h := range l.set.index.match(&sc, pattern) {
					next[i] = append(next[i], int(h.rule))
				}
			default:
				segments := strings.Split(pattern, "/")
				for j := 0; j < len(l.set.rules) && budget > 0; j++ {
					budget -= len(l.set.rules[j].triggers)
					if l.set.rules[j].matchesSome(segments) {
						next[i] = append(next[i], j)
					}
				}
			}
		}
	}
	return next
}

func (r *rule) matchesSome(fired []string) bool {
	for i := range r.triggers {
		if overlap(r.triggers[i].pattern.Segments(), fired) {
			return true
		}
	}
	return false
}

// warnCycle warns at the last rule of a circle that begins at first.
func (l *loader) warnCycle(path []int, first int) {
	var names []string
	for _, i := range path[slices.Index(path, first):] {
		names = append(names, l.set.rules[i].name)
	}
	last := l.set.rules[path[len(path)-1]]
	names = append(names, names[0])
	shown := strings.Join(names[:min(len(names), maxCycleShown)], " -> ")
	msg := "rules trigger each other without end: " + shown
	if len(names) == 2 {
		msg = "the rule fires what triggers it again"
	}
	l.set.warnings = append(l.set.warnings, Warning(config.Fault{File: last.info.File, Line: last.info.Line, Column: 1, Msg: msg}.
		WithHint("the chain is cut after eight events: fire another tag, or give one of them a condition")))
}

// maxCycleShown bounds the rules that a warning names.
const maxCycleShown = 10
