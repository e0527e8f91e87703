package reactors

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"brine/internal/event"
)

// The state of guards is kept as small pieces, for each firing writes one of them: gc/<rule> counts the rule's firings, gs/<rule> is the
// sample of them, gg/<rule> a pause or a suspension, gh/<rule>/<digest>/<minion> one decision that is held back.
const (
	countPrefix     = "gc/"
	samplePrefix    = "gs/"
	guardPrefix     = "gg/"
	heldGuardPrefix = "gh/"
)

func countKey(rule string) string          { return countPrefix + rule }
func sampleKey(rule string) string         { return samplePrefix + rule }
func guardKey(rule string) string          { return guardPrefix + rule }
func heldGuardKey(rule, key string) string { return heldGuardPrefix + rule + "/" + key }

// isGuardKey tells the keys of guards from others.
func isGuardKey(key string) bool {
	for _, p := range []string{countPrefix, samplePrefix, guardPrefix, heldGuardPrefix} {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// guardState is a pause or a suspension as it is stored.
type guardState struct {
	Pause  *pause     `json:"pause,omitempty"`
	Storm  *storm     `json:"storm,omitempty"`
	Missed int        `json:"missed"`
	Lost   int        `json:"lost,omitempty"`
	Causes []event.ID `json:"causes,omitempty"`
	Depth  uint8      `json:"depth,omitempty"`
}

// stored is the present value of a key, nil when there is none any more.
func (g *guards) stored(key string) []byte {
	prefix, rest := key[:len(countPrefix)], key[len(countPrefix):]
	rule, held, _ := strings.Cut(rest, "/")
	o := g.of[rule]
	if o == nil {
		return nil
	}
	var value any
	switch prefix {
	case countPrefix:
		if o.fires == 0 {
			return nil
		}
		return fmt.Appendf(nil, "%d %d %s", o.begun, o.fires, o.print)
	case samplePrefix:
		if len(o.sample.Tags) == 0 {
			return nil
		}
		value = o.sample
	case guardPrefix:
		if o.pause == nil && o.storm == nil {
			return nil
		}
		value = guardState{o.pause, o.storm, o.missed, o.lost, o.causes, o.depth}
	default:
		h, ok := o.held[held]
		if !ok {
			return nil
		}
		value = h
	}
	b, err := json.Marshal(value)
	if err != nil {
		panic(err) // plain values only
	}
	return b
}

// restore takes back one piece.
func (g *guards) restore(key string, value []byte) error {
	prefix, rest := key[:len(countPrefix)], key[len(countPrefix):]
	rule, held, _ := strings.Cut(rest, "/")
	o := g.find(rule)
	var err error
	switch prefix {
	case countPrefix:
		err = o.restoreCount(string(value))
	case samplePrefix:
		err = json.Unmarshal(value, &o.sample)
	case guardPrefix:
		var s guardState
		if err = json.Unmarshal(value, &s); err == nil {
			o.pause, o.storm, o.missed, o.lost, o.causes, o.depth = s.Pause, s.Storm, s.Missed, s.Lost, s.Causes, s.Depth
			g.place(o)
		}
	default:
		var h heldBack
		if err = json.Unmarshal(value, &h); err == nil {
			if o.held == nil {
				o.held = make(map[string]heldBack)
			}
			o.held[held] = h
			o.bytes += h.Decision.size()
		}
	}
	if err != nil {
		return fmt.Errorf("reactor state %q: %w", key, err)
	}
	return nil
}

func (o *guard) restoreCount(text string) (err error) {
	begun, rest, _ := strings.Cut(text, " ")
	fires, print, _ := strings.Cut(rest, " ")
	if o.begun, err = strconv.ParseInt(begun, 10, 64); err != nil {
		return err
	}
	o.print = print
	o.fires, err = strconv.Atoi(fires)
	return err
}

// prune forgets the guards of rules that are gone, but for operators' pauses: a rule file that is away for a moment must not end one. What
// such a rule held back is forgotten.
func (g *guards) prune(set *Set) {
	gone := 0
	for _, name := range slices.Sorted(maps.Keys(g.of)) {
		if set.byName[name] != nil {
			continue
		}
		o := g.of[name]
		g.release(o)
		g.dirty[countKey(name)], g.dirty[sampleKey(name)] = true, true
		if g.active[name] != nil {
			g.dirty[guardKey(name)] = true
		}
		o.storm, o.fires, o.sample = nil, 0, sample{}
		if gone++; o.pause == nil || gone > maxGuardGone {
			o.pause = nil
			delete(g.of, name)
		}
		g.place(o)
	}
}
