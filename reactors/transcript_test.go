package reactors

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"brine/internal/event"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is now said into testdata")

// The transcripts in testdata: rules, a history, and what comes of it. Lines of a history:
//
//	load FILE...                               put these files in force; what is wrong with them is shown, and changes nothing
//	at WHEN MINION TAG [JSON] [own] [depth=N] [by=NAME] [time=WHEN]   an event, received WHEN after the start; MINION is - for the master
//	grains MINION JSON                         what the master knows of it from here on
//	timers WHEN                                the timers that are due, each passed to Step as the event it becomes
//	late RULE STEP RESULTS                     the step of the last plan that a verdict of the rule gave, with these results by name
//	restart                                    another reactor, with the state that was stored
//	list                                       the rules, the warnings and the counts
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			ar := txtar.Parse(text)
			last := len(ar.Files) - 1
			if last < 1 || ar.Files[last].Name != "want" || ar.Files[last-1].Name != "history" {
				t.Fatal("a transcript ends with -- history -- and -- want --")
			}
			got := play(t, ar)
			if *update {
				ar.Files[last].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := string(ar.Files[last].Data); got != want {
				t.Errorf("-- got --\n%s-- want --\n%s", got, want)
			}
		})
	}
}

// player plays one transcript.
type player struct {
	t      *testing.T
	files  map[string][]byte
	set    *Set
	r      *Reactor
	grains map[string]map[string]any
	stored map[string][]byte
	seq    uint64
	plans  map[string]*Plan
	out    bytes.Buffer
}

func play(t *testing.T, ar *txtar.Archive) string {
	p := &player{t: t, files: map[string][]byte{}, grains: map[string]map[string]any{}, stored: map[string][]byte{}, plans: map[string]*Plan{}}
	p.set = &Set{index: newIndex()}
	p.r = New(p.set)
	var history string
	for _, f := range ar.Files {
		p.files[f.Name] = f.Data
		if f.Name == "history" {
			history = string(f.Data)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(history), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		fmt.Fprintf(&p.out, "> %s\n", line)
		p.line(line)
		p.store()
	}
	return p.out.String()
}

func (p *player) line(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "load":
		p.load(strings.Fields(rest))
	case "at":
		p.event(rest)
	case "grains":
		minion, text, _ := strings.Cut(rest, " ")
		p.grains[minion] = p.json(text).(map[string]any)
	case "timers":
		p.timers(p.when(rest))
	case "late":
		p.later(rest)
	case "restart":
		p.r = New(p.set)
		for k, v := range p.stored {
			if err := p.r.Restore(k, v); err != nil {
				p.t.Error(err)
			}
		}
	case "list":
		for _, r := range p.set.Rules() {
			b, _ := json.Marshal(r)
			fmt.Fprintf(&p.out, "%s\n", b)
		}
		fmt.Fprintf(&p.out, "%+v\n", p.r.Stats())
	default:
		p.t.Fatalf("unknown line %q", line)
	}
}

func (p *player) load(names []string) {
	var sources []Source
	for _, name := range names {
		if p.files[name] == nil {
			p.t.Fatalf("no file %q", name)
		}
		sources = append(sources, Source{name, p.files[name]})
	}
	set, faults := Load(sources, testEnv)
	for _, w := range set.Warnings() {
		fmt.Fprintf(&p.out, "warning: %s\n", w)
	}
	for _, f := range faults {
		fmt.Fprintf(&p.out, "fault: %s\n", f)
	}
	if len(faults) > 0 {
		return
	}
	p.set = set
	p.r.Replace(set)
}

func (p *player) when(s string) time.Time {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return start.Add(d)
}

func (p *player) json(s string) any {
	v, err := event.ParseJSON([]byte(s))
	if err != nil {
		p.t.Fatalf("%q: %v", s, err)
	}
	return v
}

func (p *player) event(rest string) {
	f := strings.SplitN(rest, " ", 4)
	e := event.Event{Received: p.when(f[0]), Time: p.when(f[0]), Minion: strings.Trim(f[1], "-"), Tag: f[2]}
	var tail string
	if len(f) > 3 {
		tail = f[3]
	}
	if strings.HasPrefix(tail, "{") {
		end := strings.LastIndex(tail, "}") + 1
		e.Data = encode(p.t, p.json(tail[:end]))
		tail = tail[end:]
	}
	for _, w := range strings.Fields(tail) {
		switch k, v, _ := strings.Cut(w, "="); k {
		case "own":
			e.Own = true
		case "by":
			e.By = v
		case "time":
			e.Time = p.when(v)
		case "depth":
			fmt.Sscan(v, &e.Depth)
		default:
			p.t.Fatalf("unknown word %q", w)
		}
	}
	p.step(e)
}

// later decides a step as the master does when those before it have ended: out of what was kept.
func (p *player) later(rest string) {
	f := strings.SplitN(rest, " ", 3)
	kept, err := json.Marshal(p.plans[f[0]])
	if err != nil {
		p.t.Fatal(err)
	}
	var plan Plan
	var results map[string]StepResult
	var index int
	if _, err := fmt.Sscan(f[1], &index); err != nil {
		p.t.Fatal(err)
	}
	if err := errors.Join(json.Unmarshal(kept, &plan), json.Unmarshal([]byte(f[2]), &results)); err != nil {
		p.t.Fatal(err)
	}
	d, err := p.r.Later(&plan, index, results, World{})
	if err != nil {
		fmt.Fprintf(&p.out, "  error: %v\n", err)
		return
	}
	fmt.Fprintf(&p.out, "    %s\n", showDecision(d))
}

func (p *player) timers(now time.Time) {
	for _, t := range p.r.Due(now) {
		tag, data := t.Event()
		shown, _ := json.Marshal(data)
		fmt.Fprintf(&p.out, "  timer %s %s depth=%d causes=%s\n", tag, shown, t.Depth, t.Causes)
		p.step(event.Event{Received: now, Time: now, Tag: tag, Data: data, Causes: t.Causes, Depth: t.Depth})
	}
	if at, ok := p.r.Next(); ok {
		fmt.Fprintf(&p.out, "  next timer at +%s\n", at.Sub(start))
	}
}

func (p *player) step(e event.Event) {
	p.seq++
	e.ID, e.Pos = event.ID{Origin: e.Minion, Inc: 1, Seq: p.seq}, p.seq
	if e.Minion == "" {
		e.ID.Origin = event.Master
	}
	verdicts := p.r.Step(e, World{Grains: func(m string) map[string]any { return p.grains[m] }})
	for _, v := range verdicts {
		if v.Plan != nil {
			p.plans[v.Rule] = v.Plan
		}
		fmt.Fprintf(&p.out, "  %s: %s: %s\n", v.Rule, v.Outcome, v.Why)
		for _, d := range v.Decisions {
			fmt.Fprintf(&p.out, "    %s\n", showDecision(d))
		}
	}
	if len(verdicts) == 0 {
		fmt.Fprintf(&p.out, "  nothing\n")
	}
}

func showDecision(d Decision) string {
	b, _ := json.Marshal(d)
	return string(b)
}

// store does with the state what the master does.
func (p *player) store() {
	for _, kv := range p.r.Dirty() {
		if kv.Value == nil {
			delete(p.stored, kv.Key)
		} else {
			p.stored[kv.Key] = kv.Value
		}
	}
}
