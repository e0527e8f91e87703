package reactors

import "brine/internal/config"

// ActionShape is what rules are checked against for one action that this package knows nothing else of.
type ActionShape struct {
	OnMinion   bool   // minions carry it out, so that it takes tgt; else the master does
	Idempotent bool   // doing it twice is as good as once: interrupted, it is simply tried again
	Short      string // the argument that a step means which gives no map; empty: a map is wanted
	// Check says what is wrong with the arguments as they are written. Their templates may stand anywhere in strings: it is not for Check to
	// look into them. What they evaluate to is a map, and stands in job.Args.Data.
	Check func(args *config.Node) config.Faults
}
