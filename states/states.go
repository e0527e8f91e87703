// Package states is the contract between Brine and what puts a host right. It owns no state and must never know a
// bus, a store or a role: a module needs the standard library and this package, so that others may write one.
package states

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
)

// Module declares the functions of one kind of state, such as file.
type Module struct {
	Name      string
	Sample    string                  // the embedded sample.sls: a test loads it, the reference page shows it
	Functions map[string]func() State // by name, such as "managed": a new state that holds every default
}

// State is one declaration, such as file.managed on /etc/motd: a pointer to a struct. The master fills it from YAML by
// its `yaml` tags (a string takes the scalar's own text, so that mode: 0644 is "0644"), checks it, and sends it as CBOR by its `json` tags,
// which must be the same names. The declaration's name is the field tagged "name".
type State interface {
	// Validate says what is wrong, naming the argument, the value and its bound. It does no I/O.
	Validate() error
	// Check says what differs from what is wanted, and changes nothing. No difference: empty Changes. In test mode it
	// may lean on what earlier states would make (Env.Planned).
	Check(context.Context, Env) (Changes, error)
	// Apply makes the changes that Check returned. The engine then checks again, unless the state is Unverified.
	Apply(context.Context, Env, Changes) error
}

// Sourced is implemented by a state that takes content from the master's file roots. The master fills Hash and Size
// of what it returns.
type Sourced interface{ Sources() []*Source }

// Source is content by its address, brine://path or salt://path below the file roots; once compiled, by its hash.
type Source struct {
	URL  string `json:"url"`
	Hash string `json:"hash"` // SHA-256, hex
	Size int64  `json:"size"`
	// Mode is the permission bits of the file in the file roots. The master fills it where the state asks for it by WithMode.
	Mode     fs.FileMode `json:"mode,omitempty"`
	WithMode bool        `json:"-"`
}

// UnmarshalText reads the address.
func (s *Source) UnmarshalText(text []byte) error { s.URL = string(text); return nil }

// SourcedTree is implemented by a state that takes whole folders from the master's file roots. The master fills Files
// and Dirs of what it returns, as far as Keep lets it.
type SourcedTree interface{ Trees() []*Tree }

// Tree is a folder by its address below the file roots; once compiled, by what is in it. Where several file roots have the
// folder, it holds what is in any of them, the first root's file where names meet.
type Tree struct {
	URL   string     `json:"url"`
	Files []TreeFile `json:"files"` // in the order of their paths
	Dirs  []string   `json:"dirs"`  // every folder below, the tree itself not, in the order of their paths
	// Manifest is the hash of a content that lists Files and Dirs, where they are too many to travel with the state. The engine fetches it,
	// and fills them in before Check; until then Listed is false, and nothing is known of the tree.
	Manifest string `json:"manifest,omitempty"`
	Listed   bool   `json:"-"`
	// Keep says, while the master compiles, whether a path below the folder is wanted: of a folder, whether to look into it.
	Keep func(rel string, dir bool) bool `json:"-"`
}

// UnmarshalText reads the address.
func (t *Tree) UnmarshalText(text []byte) error { t.URL = string(text); return nil }

// TreeFile is one file of a Tree.
type TreeFile struct {
	Path string      `json:"path"` // below the tree, with slashes
	Hash string      `json:"hash"` // SHA-256, hex
	Size int64       `json:"size"`
	Mode fs.FileMode `json:"mode"` // permission bits
}

// Gathering is implemented by a state that depends on what else is declared, such as a folder that is kept clean. The master
// hands it the names of all other states of the low state before it encodes it.
type Gathering interface{ Gather(names []string) }

// Watched is implemented by a state that can be enforced: it names what a beacon would notice its drift by.
type Watched interface{ Watch() []Watch }

// Watch is one thing to be watched by a beacon.
type Watch struct {
	Beacon  string // the kind of beacon: file
	Path    string // of a file or folder
	Recurse bool   // with everything below it
	Link    bool   // a link itself, not what it leads to
}

// Unverified is implemented by a state whose Apply cannot be checked (cmd.run).
type Unverified interface{ Unverified() }

// Env is all that a state may use of its host.
type Env struct {
	Root string // "/" outside tests; every path a state touches resolves below it
	Log  *slog.Logger
	Test bool
	// Content opens content that the engine has fetched and verified before Check, by its hash.
	Content func(hash string) (io.ReadCloser, error)
	// Expect says, before it is done, what a path will be, so that the beacons know Brine's own writes. In test mode Check
	// calls it with what Apply would make, for later states' Planned.
	Expect func(path string, e Expected)
	// Planned says, in test mode, what earlier states of the run would have made of path.
	Planned func(path string) (Expected, bool)
	// Displaced reports what a write pushed aside although it was not what Check had seen: a change between Check and
	// Apply. The file at path is kept by the engine, then removed.
	Displaced func(target, path string)
	// Replaced tells what a write replaced or removed as Check had seen it, so that it can be had back. The file at path is kept by the
	// engine as far as its bounds allow, then removed. With must it has to be kept: where it cannot be, the error says why, and the
	// write is undone. It may be nil.
	Replaced func(target, path string, must bool) error
	// Adjusted tells, before it is done, what a change was made to that pushes nothing aside: the owner and the mode of a file that are set
	// in place, or that there was nothing. So it can be had back. It may be nil.
	Adjusted func(path string, was Expected)
	// Later takes what makes a change last, such as the sync of a folder, so that the states of a run share what the disk does. The engine
	// does it once for each key before it tells the results, and a state whose change does not last has failed. Where it is nil that is to
	// be done at once.
	Later func(key string, last func() error)
	// Allowed says whether this host's own configuration lets a state of a function act on a name; an empty name asks for the
	// function alone. A state asks before it runs a command, and for every path beside its own name. nil allows nothing.
	Allowed func(fun, name string) error
}

// Expected is what a state says it makes of a path.
type Expected struct {
	Absent bool
	SHA256 string      // hex; empty for what has no content
	Mode   fs.FileMode // type and permission bits
	UID    int         // -1: not said
	GID    int         // -1: not said
	Target string      // of a symlink
}

// Changes is what Check found, in the order to show it. Empty means: as wanted.
type Changes []Change

// Change is one difference.
type Change struct {
	What string // the aspect: content, mode, user, group, type, exists
	From string
	To   string
	Diff string // unified, bounded; empty for what is not text or is secret
}
