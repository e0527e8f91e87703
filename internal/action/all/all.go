// Package all lists the actions that Brine comes with. It owns the list and nothing else: an action that is not named here does
// not exist, and none registers itself.
package all

import (
	"brine/internal/action"
	"brine/internal/action/exec"
	"brine/internal/action/notify"
	"brine/internal/action/post"
	"brine/internal/action/run"
	"brine/internal/action/single"
	"brine/internal/compile"
	"brine/internal/config"
	statelist "brine/states/all"
)

// List returns every action's module, by name.
func List() []action.Module {
	return []action.Module{
		exec.Module(),
		post.Module(),
		notify.Module(),
		run.Module(),
		single.Module(func(n *config.Node) config.Faults { return compile.CheckSingle(statelist.List(), n) }),
	}
}
