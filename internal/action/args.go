package action

import (
	"fmt"
	"slices"
	"strings"

	"brine/internal/config"
	"brine/internal/job"
)

// CheckArgs says what is wrong with arguments as a rule has them. What stands where ${...} does is known only when the action is carried out, and
// is checked then.
func (m Module) CheckArgs(n *config.Node) config.Faults {
	open := map[config.Fault]bool{}
	var faults config.Faults
	walk(n, "", func(key string, leaf *config.Node) {
		if !strings.Contains(leaf.Text(), "${") {
			return
		}
		open[leaf.Fault("")] = true
		if slices.Contains(m.Fixed, key) {
			faults = append(faults, leaf.Fault("%s cannot be a template", key).WithHint("no event has a say in it"))
		}
	})
	found := n.Decode(m.Args())
	if m.Check != nil {
		found = append(found, m.Check(n)...)
	}
	for _, f := range found {
		if !open[config.Fault{File: f.File, Line: f.Line, Column: f.Column}] {
			faults = append(faults, f)
		}
	}
	return faults.Sorted()
}

// walk calls see with every scalar and the keys that lead to it. An entry of a list has the list's key.
func walk(n *config.Node, key string, see func(string, *config.Node)) {
	for _, p := range n.Pairs() {
		walk(p.Value, strings.TrimPrefix(key+"."+p.Key.Text(), "."), see)
	}
	for _, it := range n.Items() {
		walk(it, key, see)
	}
	if n.Kind() == config.Scalar {
		see(key, n)
	}
}

// Decode makes the arguments of a job.
func (m Module) Decode(a job.Args) (any, error) {
	plain := map[string]any{}
	if len(a.Data) > 0 {
		if err := a.Data.Decode(&plain); err != nil {
			return nil, fmt.Errorf("arguments of %s: %w", m.Name, err)
		}
	}
	if len(a.Argv) > 0 { // master.exec has had fields of its own from the beginning
		plain["argv"], plain["env"], plain["timeout"] = list(a.Argv), mapOf(a.Env), a.Timeout.String()
	}
	args := m.Args()
	if faults := config.Of(m.Name, plain).Decode(args); len(faults) > 0 {
		return nil, faults.Err()
	}
	return args, nil
}

func list(texts []string) []any {
	l := make([]any, len(texts))
	for i, t := range texts {
		l[i] = t
	}
	return l
}

func mapOf(texts map[string]string) map[string]any {
	m := make(map[string]any, len(texts))
	for k, v := range texts {
		m[k] = v
	}
	return m
}
