package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"brine/internal/api"
	"brine/internal/event"
	"brine/internal/job"
)

// maxTraceLine is how many characters of text a line of a trace has at most.
const maxTraceLine = 200

func (a *app) showTrace(t api.Traced, diff bool) error {
	tr := newTracer(t)
	root := tr.steps(t.Root, true)
	p := a.colors()
	v := &traceView{out: a.out, p: p, zero: root.at, asked: t.Asked, diff: diff}
	v.measure(root)
	fmt.Fprintf(a.out, "%s  %s\n", p.bold(clean(t.Root.Event.Tag)),
		p.dim(fmt.Sprintf("position %d, %s, %s", t.Root.Event.Pos, t.Root.Event.ID, showTime(root.at))))
	for _, id := range t.Root.Missing {
		fmt.Fprintf(a.out, "%s\n", p.yellow("its cause "+id.String()+" is no longer in the log: removed by retention"))
	}
	for _, id := range sortedOffsets(tr.offsets) {
		off := tr.offsets[id]
		ahead := "ahead of"
		if off < 0 {
			ahead = "behind"
		}
		fmt.Fprintf(a.out, "%s\n", p.yellow(fmt.Sprintf("the clock of %s is %s %s the master's: its times are corrected by that", id, millis(off.Abs()), ahead)))
	}
	fmt.Fprintln(a.out)
	v.show(root, "", "")
	fmt.Fprintln(a.out)
	_, err := fmt.Fprintln(a.out, v.verdict(t, tr))
	return err
}

func sortedOffsets(offsets map[string]time.Duration) []string {
	ids := make([]string, 0, len(offsets))
	for id := range offsets {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// traceView prints steps.
type traceView struct {
	out       io.Writer
	p         palette
	zero      time.Time
	asked     event.ID
	diff      bool
	timeWidth int
	whoWidth  int
}

// since is a time as the first column has it.
func (v *traceView) since(t time.Time) string {
	d := t.Sub(v.zero)
	if d < 0 {
		return millis(d)
	}
	return "+" + millis(d)
}

func (v *traceView) measure(s *step) {
	v.timeWidth = max(v.timeWidth, width(v.since(s.at)))
	v.whoWidth = max(v.whoWidth, width(s.who))
	for _, b := range s.below {
		v.measure(b)
	}
}

// show prints a step: own is what leads to its text, rest what leads to what is below it.
func (v *traceView) show(s *step, own, rest string) {
	text := oneLine(s.text, maxTraceLine)
	switch s.kind {
	case stepGood:
		text = v.p.green(text)
	case stepBad:
		text = v.p.red(text)
	case stepDim:
		text = v.p.dim(text)
	}
	if own != "" && s.event == v.asked && !s.event.IsZero() {
		text += v.p.yellow("   <- the event asked for")
	}
	fmt.Fprintf(v.out, "%*s  %-*s  %s%s\n", v.timeWidth, v.since(s.at), v.whoWidth, s.who, v.p.dim(own), text)
	pad := strings.Repeat(" ", v.timeWidth+v.whoWidth+4)
	under := rest
	if len(s.below) > 0 {
		under += "│ "
	} else {
		under += "  "
	}
	for _, n := range s.notes {
		fmt.Fprintf(v.out, "%s%s%s\n", pad, v.p.dim(under), oneLine(n, maxTraceLine))
	}
	if v.diff && s.diff != "" {
		for _, l := range diffLines(v.p, s.diff) {
			fmt.Fprintf(v.out, "%s%s%s\n", pad, v.p.dim(under), l)
		}
	}
	for i, b := range s.below {
		if i == len(s.below)-1 {
			v.show(b, rest+"└ ", rest+"  ")
		} else {
			v.show(b, rest+"├ ", rest+"│ ")
		}
	}
}

// verdict is the last line: what all this came to.
func (v *traceView) verdict(t api.Traced, tr *tracer) string {
	var ended time.Time
	changed, bad, jobs, open := false, 0, 0, 0
	drift := map[string]string{} // what was last told of each state
	t.Root.Walk(func(n *api.Trace) {
		if d, what, ok := driftOf(n.Event); ok {
			drift[d.Fun+": "+d.Name] = what
			if at := tr.at(n.Event.Minion, d.Result.Started.Add(d.Result.Took)); what == job.DriftCorrected && at.After(ended) {
				changed, ended = true, at
			}
		}
		if r, ok := resultOf(n.Event); ok {
			changed = changed || r.Changed() && !r.Test
			if at := tr.at(n.Event.Minion, n.Event.Time); at.After(ended) {
				ended = at
			}
		}
		for _, j := range n.Jobs {
			jobs++
			switch {
			case j.Status.Open():
				open++
			case j.Status != job.Succeeded:
				bad++
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(drift)) {
		if what := drift[name]; what != job.DriftCorrected && what != job.DriftSettled {
			return v.p.red(fmt.Sprintf("out of line: %s (%s)", clean(name), clean(what)))
		}
	}
	switch {
	case bad > 0:
		return v.p.red(fmt.Sprintf("%d of %s failed", bad, plural(jobs, "job")))
	case open > 0:
		return v.p.yellow(fmt.Sprintf("%d of %s still to be done", open, plural(jobs, "job")))
	case changed:
		done := "put right within %s"
		if isNewJob(t.Root.Event) {
			done = "changed within %s"
		}
		return v.p.green(fmt.Sprintf(done, millis(ended.Sub(v.zero))))
	case jobs > 0:
		return "done: nothing had to be changed"
	case len(t.Root.Verdicts) == 0 && len(t.Root.Effects) == 0:
		return "no rule looks at this event, and nothing came of it"
	}
	return "no job came of it"
}

// isNewJob tells the event of a job that nothing but an operator led to.
func isNewJob(e event.Event) bool {
	return strings.HasPrefix(e.Tag, "brine/job/") && strings.HasSuffix(e.Tag, "/new")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// maxDiffLines bounds what is shown of one diff.
const maxDiffLines = 200

// diffLines colours a unified diff.
func diffLines(p palette, diff string) []string {
	lines := strings.Split(strings.TrimRight(clean(diff), "\n"), "\n")
	if more := len(lines) - maxDiffLines; more > 0 {
		lines = append(lines[:maxDiffLines], fmt.Sprintf("... and %d lines more (-o json has them all)", more))
	}
	for i, l := range lines {
		switch {
		case strings.HasPrefix(l, "+++"), strings.HasPrefix(l, "---"):
			lines[i] = p.bold(l)
		case strings.HasPrefix(l, "+"):
			lines[i] = p.green(l)
		case strings.HasPrefix(l, "-"):
			lines[i] = p.red(l)
		case strings.HasPrefix(l, "@@"):
			lines[i] = p.cyan(l)
		}
	}
	return lines
}
