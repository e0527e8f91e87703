// Package beacons is the contract between Brine and what watches a host. It owns no beacon and must never know a
// bus, a store or a role: a module needs the standard library and this package, so that others may write one.
package beacons

import (
	"context"
	"io/fs"
	"log/slog"
	"time"
)

// Module declares one kind of beacon.
type Module struct {
	Name   string        // what stands below "beacons:" in the configuration
	Sample string        // the embedded sample.yaml: a test loads it, the reference page shows it
	Data   any           // zero value of the struct that its events carry: rules are type-checked against it
	Config func() Config // makes a new configuration that holds every default

	// Interval is the default of the option "interval", for a beacon that samples: Env.Every keeps it. 0: it does not sample,
	// and the option is refused.
	Interval time.Duration
	// AtStart says that the beacon heeds Env.AtStart; the option "emitatstartup" is refused where it does not.
	AtStart bool
	// Owns says that the beacon tells Brine's own changes apart itself, through Env.Own.
	Owns bool

	// What the reference page says, beside the sample, the options and the data, which are read from the code. Each is plain
	// text in whole sentences.
	Purpose     string // in one line
	Tags        []Tag  // what it fires
	Cost        string // in kernel memory, bytes, calls: of what, how often
	Permissions string // what it needs, and what is missing without
	Blind       string // what it cannot see
}

// Tag documents one kind of signal.
type Tag struct {
	Tail string // as Signal.Tag, with <name> for what differs: "high", "<path>"
	When string // half a sentence: "the use has been above its limit for long enough"
	Data any    // an example: the module's Data struct. Each field is set in one of the examples at least
}

// Config is a module's options, decoded by their `yaml` tags. A field of type string takes the scalar's own text, a
// time.Duration takes 30s; a type with UnmarshalText takes a scalar.
type Config interface {
	// Validate says what is wrong, naming the option, the value and its bound. It does no I/O.
	Validate() error
	// Beacon makes the beacon. It is called after Validate, and does no I/O either.
	Beacon(Env) Beacon
}

// Extended is implemented by a Config that can watch more than its file says: what enforced states want watched.
type Extended interface {
	Config
	// Extend gives a configuration that watches these too, and tells of them at once. It leaves the receiver as it is.
	Extend([]Watch) Config
}

// Watch is one thing that an enforced state wants watched.
type Watch struct {
	Path    string
	Recurse bool
	Link    bool // of a link, the link itself and not what it leads to
}

// Env is all that a beacon may use of its host.
type Env struct {
	Root     string // "/" outside tests; every path a beacon opens is below it
	Log      *slog.Logger
	Files    Notifier                           // the process's one file watcher
	Own      func(path string) (Expected, bool) // what Brine itself has lately made of path, if it has
	OwnTold  func(path string, e Expected)      // says that the event of what Own gave is on disk; may be nil
	Baseline Baseline
	Now      func() time.Time
	// Actor says who changed a path that is watched through Files, since some time; nil: not known. It is nil itself where
	// nobody can say. It returns within about a millisecond.
	Actor func(path string, since time.Time) *Actor
	// Pace is how often a path is to be looked at, instead of being watched, because somebody changes it without pause; 0: it is to be
	// watched. It may be nil, and may change at any time.
	Pace func(path string) time.Duration

	// Interval is how often a beacon that samples is to do so; Every keeps it.
	Interval time.Duration
	// AtStart asks for how things are at the start, though nothing has changed since the baseline. It is never set when the beacon
	// is started again after a failure or a change of its options.
	AtStart bool
	// Paused says for how long no sample is to be taken: until its channel is closed; nil: not now. It may be nil itself.
	// Every heeds it.
	Paused func() <-chan struct{}
	// Sampling is called by Every when a sample begins, and what it gives when it has ended, so that one that hangs is noticed. It
	// may be nil.
	Sampling func() (ended func())
}

// Beacon watches one thing.
type Beacon interface {
	// Run watches until ctx ends, and then returns nil. Any other return is a failure: it is told as an event and
	// the beacon is started again after a while. fire returns when its signals, and the baselines they set, are on disk,
	// all in one transaction; what it returns as error means that nothing was kept.
	Run(ctx context.Context, fire Fire) error
}

// Adjustable is implemented by a Beacon that takes other options while it runs, so that nothing is missed in between. Others are
// ended and made anew.
type Adjustable interface {
	Beacon
	// Adjust takes a valid configuration of the same module. It reports false when the beacon must be made anew instead. It may be
	// called from any goroutine, at any time before Run has returned, and returns soon.
	Adjust(Config) bool
}

// Fire makes signals durable, all of them or none.
type Fire func(ctx context.Context, signals ...Signal) error

// Signal becomes the event brine/beacon/<minion>/<beacon>/<Tag>. With an empty Tag it only sets baselines.
type Signal struct {
	Tag   string    // the tail of the tag: segments separated by '/', escaped already where needed
	Time  time.Time // when it was observed; zero is now
	Data  any       // the module's Data struct
	Own   bool      // Brine's own correction made the change
	Cause string    // with Own: the event id that Expected.Cause gave
	Set   []KV      // baselines to keep
}

// KV sets one baseline; a nil Value removes it.
type KV struct {
	Key   string
	Value []byte
}

// Baseline is what a beacon saw last, kept over a restart. Keys are the beacon's own.
type Baseline interface {
	Get(key string) ([]byte, error) // nil, nil when there is none
	// Each calls f for every key that begins with prefix, in order, until f returns an error.
	Each(prefix string, f func(key string, value []byte) error) error
}

// Expected is what Brine's own correction said it would make of a path.
type Expected struct {
	Absent bool
	SHA256 string      // hex; empty for what has no content
	Mode   fs.FileMode // type and permission bits
	UID    int         // -1: not said
	GID    int         // -1: not said
	Cause  string      // id of the event that the correction answers
	State  string      // module.function: name of the state that covers the path
	Target string      // of a symlink
	At     time.Time   // when it was announced, right before it was done
	Told   bool        // its event has been fired: whoever makes the same again is somebody else
}

// Notifier tells that something may have happened at paths. It never says what: the beacon looks for itself.
type Notifier interface {
	// Watch calls note, from a goroutine of the notifier's and never concurrently for one watch, whenever the path, or with
	// tree anything below it, may have changed: by name or content or attributes, replaced, removed, or made again. Of a folder
	// without tree its direct entries are noted too, and nothing that lies deeper. A path that
	// does not exist yet is watched for through its nearest existing parent. note must return quickly.
	// stop ends the watch; note is not called after it has returned.
	Watch(path string, tree bool, note func(Note)) (stop func(), err error)
}

// Note says where to look.
type Note struct {
	Path   string // cleaned, absolute; the watched path itself or one below it
	Rescan bool   // notes were lost (kernel overflow) or the watch was re-armed: compare everything below Path
	Lost   string // with Rescan: why, for the event that tells it; empty for a watch re-armed in good order
}

// Commanding is implemented by a Config that has programs run. A minion takes one from its master only where its section "allow"
// permits cmd.run and each program.
type Commanding interface {
	Config
	// Programs are all that it would run.
	Programs() []Program
}

// Program is what would be run.
type Program struct {
	Argv []string
	Env  map[string]string // beside those that every command is given
	Cwd  string            // as configured; empty: nothing is said
	User string            // the same
}
