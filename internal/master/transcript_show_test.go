package master

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"brine/internal/event"
	"brine/internal/identity"
	"brine/internal/wire"
)

var (
	jidText = regexp.MustCompile(`\b[a-z2-7]{16}\b`)
	idText  = regexp.MustCompile(`:aaaaaa([a-z2-7])([a-z2-7]):`)
	sentAt  = regexp.MustCompile(`,?"sent":\d+`)
	keyText = regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`)
)

// tidy makes ids short: jids are J1, J2 and so on, the incarnation of web1:aaaaaaab:3 is a plain number, and keys are cut.
func (p *player) tidy(s string) string {
	s = jidText.ReplaceAllStringFunc(s, func(m string) string { return p.called(m) })
	s = keyText.ReplaceAllStringFunc(s, func(m string) string { return m[:12] })
	return idText.ReplaceAllStringFunc(s, func(m string) string {
		inc, err := event.ParseIncarnation(strings.Trim(m, ":"))
		if err != nil {
			return m
		}
		return fmt.Sprintf(":%d:", inc)
	})
}

// since is a time as the distance from the start.
func (p *player) since(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return "+" + at.Sub(start).String()
}

func (p *player) show(out Output) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	switch out := out.(type) {
	case Append:
		e := out.Event
		add("append %d %s %s at %s", e.Pos, e.ID, e.Tag, p.since(e.Received))
		if len(e.Causes) > 0 {
			add(" causes=%v", e.Causes)
		}
		if e.Depth > 0 {
			add(" depth=%d", e.Depth)
		}
		if e.By != "" {
			add(" by=%s", e.By)
		}
		if data, _ := json.Marshal(e.Data); len(e.Data) > 0 && !isResult(&e) {
			add(" %.400s", data)
		}
	case HighWater:
		add("mark %s %d: %d", out.Minion, out.Inc, out.Seq)
		if out.Drop {
			add(" dropped")
		}
	case PutJob:
		j := out.Job
		add("job %s %s %s %s attempt=%d depth=%d until %s", j.JID, j.Target, j.Fun, j.Status, j.Attempt, j.Depth, p.since(j.Deadline))
		if j.Merged > 0 {
			add(" merged=%d causes=%v", j.Merged, j.Causes)
		}
		if j.Tries > 0 {
			add(" tries=%d", j.Tries)
		}
		if !j.Next.IsZero() {
			add(" next=%s", p.since(j.Next))
		}
		if j.Error != "" {
			add(" error=%.120q", j.Error)
		}
		if out.Sync {
			add(" synced")
		}
	case PutVerdict:
		for _, v := range out.Verdicts {
			add("verdict %d %s %s: %s jobs=%v merged=%v fired=%v", out.Pos, v.Rule, v.Outcome, v.Why, v.Jobs, v.Merged, v.Fired)
			if v.Run != "" {
				p.metRun(v.Run)
				add(" run=%s", v.Run)
			}
		}
	case PutRun:
		p.metRun(out.ID)
		add("run %s", out.ID)
		if out.Value == nil {
			add(" gone")
			break
		}
		run, err := DecodeRun(out.Value)
		if err != nil {
			p.t.Error(err)
		}
		for i, s := range run.Steps {
			if i == run.At {
				add(" >")
			}
			add(" %s:%s", s.Fun, s.Status)
			if s.Joined != nil {
				add(" joined=%v", s.Joined)
			}
		}
	case Abort:
		add("abort %s", out.JID)
	case PutReactor:
		if strings.HasPrefix(out.KV.Key, "gc/") || strings.HasPrefix(out.KV.Key, "gs/") {
			break // each firing is counted
		}
		add("reactor %s %s", out.KV.Key, out.KV.Value)
	case PutKey:
		add("key %s %s %s", out.Change.Kind, out.Change.Record.ID, out.Change.Record.Key)
	case PutMinion:
		add("minion %s online=%v", out.Minion.ID, out.Minion.Online)
	case PutDrift:
		add("drift %s %s", out.Minion, out.Key)
		if out.Record != nil {
			add(" %s since %s, corrected %d times", out.Record.Status, p.since(out.Record.Since), out.Record.Corrected)
		}
	case PutRecord:
		data, _ := json.Marshal(out.Value)
		add("record %s %s %.200s", out.Bucket, out.Key, data)
	case Cursor:
		add("cursor %d", out.Pos)
	case Send:
		if s, ok := out.Msg.(*wire.Settings); ok && len(s.Data) == 0 {
			break // each greeting is followed by what is not set, too
		}
		add("send %d %s", out.Conn, showMessage(out.Msg))
		if _, err := wire.Encode(out.Msg); err != nil {
			p.t.Errorf("a message that cannot be sent: %v", err)
		}
	case Serve:
		add("serve %d %.8s", out.Conn, out.Get.Hash)
	case Hangup:
		add("hangup %d", out.Conn)
		if out.Bye != nil {
			add(" %s (%s)", out.Bye.Reason, out.Bye.Hint)
		}
	case Compile:
		add("compile %s for %s, grains %v", out.Job.JID, out.Job.Target, out.Grains)
	case Execute:
		add("execute %s %q attempt=%d", out.Job.JID, out.Job.Args.Argv, out.Job.Attempt)
	case Reply:
		add("reply %s", showReply(out.Value))
		if out.Err != nil {
			add(" error: %v", out.Err)
		}
	case Log:
		add("log %s", out.Text)
	default:
		add("%T", out)
	}
	return p.tidy(b.String())
}

func (p *player) metRun(id string) {
	if !slices.Contains(p.runs, id) {
		p.runs = append(p.runs, id)
	}
}

func showReply(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case identity.Verdict:
		return string(v.Status) + " " + v.Reason
	case []identity.Record:
		var list []string
		for _, r := range v {
			list = append(list, r.ID+" "+string(r.Status))
		}
		return fmt.Sprint(list)
	case event.Event:
		return v.ID.String()
	case Guarded:
		return showGuarded(v)
	case JobActed:
		return fmt.Sprintf("%s run=%s %v", v.JID, v.Run, v.Targets)
	case ApprovalAsked:
		return v.ID + " by " + v.By
	case Submitted:
		return fmt.Sprintf("%s for %v, offline %v", v.JID, v.Targets, v.Offline)
	}
	return fmt.Sprintf("%v", v)
}

func showMessage(msg wire.Message) string {
	switch m := msg.(type) {
	case *wire.Welcome:
		return fmt.Sprintf("welcome high=%d sum=%v", m.HighWater, m.Sum != 0)
	case *wire.Ack:
		return fmt.Sprintf("ack %d rejected=%v", m.UpTo, m.Rejected)
	case *wire.Job:
		states := 0
		if m.Low != nil {
			states = len(m.Low.States)
		}
		return fmt.Sprintf("job %s attempt=%d %s remaining=%s depth=%d cause=%s states=%d", m.JID, m.Attempt, m.Fun, m.Remaining, m.Depth, m.Cause, states)
	case *wire.Cancel:
		return "cancel " + m.JID
	case *wire.Settings:
		data, _ := json.Marshal(m.Data)
		return fmt.Sprintf("settings %s %s", m.Name, sentAt.ReplaceAllString(string(data), ""))
	case *wire.Chunk:
		return fmt.Sprintf("chunk %.8s error=%q", m.Hash, m.Error)
	}
	return fmt.Sprintf("%T", msg)
}

func showGuarded(g Guarded) string {
	var list []string
	for _, r := range g.Rules {
		list = append(list, fmt.Sprintf("%s %s by %q until %s, missed %d, held %d: %s", r.Rule, r.Outcome, r.By, r.Until.Format(time.TimeOnly), r.Missed, r.Held, r.Why))
	}
	for _, h := range g.Holds {
		list = append(list, fmt.Sprintf("%s %s%s by %q until %s: %s", h.Kind, h.Tgt, h.State, h.By, h.Until.Format(time.TimeOnly), h.Why))
	}
	return "[" + strings.Join(list, "; ") + "]"
}

func (p *player) minions() {
	list := p.core.Minions()
	slices.SortFunc(list, func(a, b MinionInfo) int { return strings.Compare(a.ID, b.ID) })
	for _, m := range list {
		p.printf("  %s online=%v %v version=%q grains=%v\n", m.ID, m.Online, p.core.Online(m.ID), m.Version, m.grainsMap)
	}
}
