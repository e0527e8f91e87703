package action

import (
	"brine/beacons"
	"brine/reactors"
)

// RuleEnv is what rules are checked against: what the events of each beacon carry, and what each action takes.
func RuleEnv(seen []beacons.Module, known []Module) reactors.Env {
	env := reactors.Env{Data: make(map[string]any, len(seen)), Actions: make(map[string]reactors.ActionShape, len(known))}
	for _, m := range seen {
		env.Data[m.Name] = m.Data
	}
	for _, m := range known {
		env.Actions[m.Name] = reactors.ActionShape{OnMinion: m.OnMinion, Idempotent: m.Idempotent, Short: m.Short, Check: m.CheckArgs}
	}
	return env
}
