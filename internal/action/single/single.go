// Package single is the action state.single: it applies one state that is written in the rule itself, {module.function: {name: ..., ...}}, as if it stood in a state
// file alone. It owns what a rule may say of it; it must never know what a state is.
//
// The arguments are those of the state: see the pages of states. Templates may stand in them, but in check_cmd and source; a mode is
// written in quotes. Such a state is applied once: enforce, names and requisites belong into a state file, and what is enforced stays as it is.
// The minion's allow.states and allow.paths hold for it as for any other: where an event chooses a path, restrict them.
package single

import (
	_ "embed"

	"brine/internal/action"
	"brine/internal/config"
	"brine/internal/job"
)

//go:embed sample.yaml
var sample string

// Module describes the action state.single; check says what is wrong with the state as it is written.
func Module(check func(*config.Node) config.Faults) action.Module {
	return action.Module{
		Name: job.StateSingle, Sample: sample, OnMinion: true, Idempotent: true,
		Args: func() any { return &Args{} }, Check: check,
	}
}

// Args are the one state: whatever its function takes.
type Args struct{}

// DecodeNode leaves it to check to say what is wrong.
func (*Args) DecodeNode(*config.Node) config.Faults { return nil }
