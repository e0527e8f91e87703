package file

import "brine/states"

// watchPath is what notices the drift of one path.
func watchPath(path string, recurse bool) []states.Watch {
	return []states.Watch{{Beacon: "file", Path: path, Recurse: recurse}}
}

// Watch is states.Watched.
func (m *Managed) Watch() []states.Watch { return watchPath(m.Name, false) }

// Watch is states.Watched.
func (a *Absent) Watch() []states.Watch { return watchPath(a.Name, false) }
