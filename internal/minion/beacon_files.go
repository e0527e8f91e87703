package minion

import (
	"time"

	"brine/beacons"
	"brine/internal/watch"
)

// beaconFiles is the file watcher as beacons see it that tell Brine's own changes apart, and others by who made them. Only when one of these watches
// something is the kernel asked who changes files: that has a price on every program that is started and every file of a watched folder that
// is opened, and the minion watches its own configuration in any case.
type beaconFiles struct{ *watch.Watcher }

// Watch implements beacons.Notifier.
func (f beaconFiles) Watch(path string, tree bool, note func(beacons.Note)) (stop func(), err error) {
	f.Actors()
	return f.Watcher.Watch(path, tree, note)
}

// actor says who changed a path that a beacon watches.
func (f beaconFiles) actor(path string, since time.Time) *beacons.Actor {
	return f.Actors()(path, since)
}
