package ruletest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"brine/internal/config"
	"brine/internal/job"
	"brine/reactors"
)

// maxShown bounds a value in a message, in bytes.
const maxShown = 200

// differ compares a value with what a file wants of it: of a map only the keys that are named, of anything else all. Faults have the place
// of what is not as wanted.
func differ(want *config.Node, got any, path string) (faults config.Faults) {
	fault := func(n *config.Node, format string, args ...any) {
		faults = append(faults, n.Fault("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	switch want.Kind() {
	case config.Map:
		m, ok := got.(map[string]any)
		if !ok {
			fault(want, "want a map, got %s", show(got))
			return faults
		}
		for _, p := range want.Pairs() {
			key := p.Key.Text()
			below := key
			if path != "" {
				below = path + "." + key
			}
			if v, ok := m[key]; ok {
				faults = append(faults, differ(p.Value, v, below)...)
			} else if p.Value.Kind() != config.Null {
				faults = append(faults, p.Key.Fault("%s: want %s, there is none", below, show(p.Value.Value())))
			}
		}
	case config.List:
		list, ok := got.([]any)
		if !ok || len(list) != len(want.Items()) {
			fault(want, "want %s, got %s", show(want.Value()), show(got))
			return faults
		}
		for i, it := range want.Items() {
			faults = append(faults, differ(it, list[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
	default:
		if text, ok := got.(string); ok && want.Kind() == config.Scalar && want.Text() == text {
			return nil // 0644 and yes may be texts
		}
		if w := want.Value(); !same(w, got) {
			fault(want, "want %s, got %s", show(w), show(got))
		}
	}
	return faults
}

// same compares scalars; 5 and 5.0 are.
func same(a, b any) bool {
	number := func(v any) (float64, bool) {
		switch v := v.(type) {
		case int64:
			return float64(v), true
		case float64:
			return v, true
		}
		return 0, false
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y
	}
	x, xs := a.(string)
	y, ys := b.(string)
	p, pb := a.(bool)
	q, qb := b.(bool)
	return a == nil && b == nil || xs && ys && x == y || pb && qb && p == q
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > maxShown {
		return string(text[:maxShown]) + "..."
	}
	return string(text)
}

// job is the act as plain values, for comparison and for people. minion is who fired the event.
func (a Act) job(minion string) map[string]any {
	m := map[string]any{"fun": a.Fun}
	set := func(key, text string) {
		if text != "" {
			m[key] = text
		}
	}
	set("name", a.Name)
	set("tgt", a.Tgt)
	set("tgt_type", a.TgtType)
	set("text", a.Text)
	set("failed", a.Failed)
	if a.OnFailure {
		m["on_failure"] = true
	}
	if a.Tgt == "" && !a.OnMaster && !slices.Contains(onMaster, a.Fun) {
		set("tgt", minion)
	}
	if args := argsOf(a.Args); len(args) > 0 {
		m["args"] = args
	}
	return m
}

// onMaster are the functions built in that no minion carries out.
var onMaster = []string{job.MasterExec, reactors.Fail, reactors.Stop, reactors.Approve}

// argsOf are the arguments as plain values, under the names that rules give them.
func argsOf(a job.Args) map[string]any {
	m := map[string]any{}
	if v, err := a.Data.Value(); err == nil {
		if data, ok := v.(map[string]any); ok {
			m = data
		}
	}
	texts := func(list []string) []any {
		out := make([]any, len(list))
		for i, t := range list {
			out[i] = t
		}
		return out
	}
	if len(a.SLS) > 0 {
		m["sls"] = texts(a.SLS)
	}
	if a.Test {
		m["test"] = true
	}
	if len(a.Argv) > 0 {
		m["argv"] = texts(a.Argv)
	}
	if len(a.Env) > 0 {
		env := map[string]any{}
		for k, v := range a.Env {
			env[k] = v
		}
		m["env"] = env
	}
	return m
}

// fire is the event that the act fires as plain values.
func (a Act) fire() map[string]any {
	data, err := a.Fire.Data.Value()
	if err != nil {
		data = err.Error()
	}
	return map[string]any{"tag": a.Fire.Tag, "data": data}
}

// Line says in one line what an act does, for an event that a minion fired.
func (a Act) Line(minion string) string {
	switch {
	case a.Failed != "":
		return a.Fun + " failed: " + a.Failed
	case a.Fire != nil:
		return job.EventFire + " " + a.Fire.Tag + " " + show(a.fire()["data"])
	case a.Text != "":
		return a.Fun + ": " + a.Text
	}
	j := a.job(minion)
	text := a.Fun
	if args, ok := j["args"]; ok {
		text += " " + show(args)
	}
	if tgt, _ := j["tgt"].(string); tgt != "" {
		text += " on " + tgt
		if kind := cmp.Or(a.TgtType, "glob"); kind != "glob" {
			text += " (" + kind + ")"
		}
	}
	return text
}
