// Package all lists the state modules that Brine has. It owns the list alone and must never know what a module does.
package all

import (
	"brine/states"
	"brine/states/file"
)

// List is every module, in the order of their names.
func List() []states.Module {
	return []states.Module{
		file.Module(),
	}
}
