package master

import (
	"strings"
	"time"
)

// testBlast is what transcripts freeze by.
var testBlast = Blast{Share: 0.5, Window: 10 * time.Minute, Min: 2}

// guard is a transcript's line about pauses and holds.
func (p *player) guard(f []string, line string) {
	var rules []string
	words := map[string]string{}
	for _, w := range f[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			words[k] = strings.ReplaceAll(v, "_", " ")
		} else {
			rules = append(rules, w)
		}
	}
	switch f[0] {
	case "pause":
		p.step(Pause{Ref: line, Rules: rules[1:], Tgt: words["tgt"], TgtType: "glob", For: p.duration(f[1]), Why: "patching", By: "root"})
	case "resume":
		all := len(rules) > 0 && rules[0] == "all"
		p.step(Resume{Ref: line, Rules: rules, Tgt: words["tgt"], TgtType: "glob", State: words["state"], All: all, By: "root"})
	case "guards":
		p.step(Guards{Ref: line})
	case "maintain":
		p.step(Maintain{Hold{ID: f[1], Tgt: f[2], TgtType: "glob", Until: p.now.Add(p.duration(f[3])), Why: "the weekly window"}})
	}
}
