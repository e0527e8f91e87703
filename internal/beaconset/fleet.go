package beaconset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"brine/beacons"
	"brine/internal/config"
	"brine/internal/event"
	"brine/internal/target"
)

// MaxBlocks bounds the blocks of a fleet's files.
const MaxBlocks = 10_000

// Fleet is what the master's files say: which beacons are to run on whom. It does not change.
type Fleet struct {
	blocks []block
	kinds  map[string]string // of instances, by name
}

// block is one top-level key of a file.
type block struct {
	target target.Target
	list   []Source
}

// File is one file of a fleet.
type File struct {
	Name string // as faults name it
	Text []byte
}

// options are those of a block.
type options struct {
	Tgt     string       `yaml:"tgt"`
	TgtType string       `yaml:"tgt_type"`
	Beacons *config.Node `yaml:"beacons,required"`
}

// ReadFleet reads the files in order: where several blocks mean the same minion, the last that names an instance counts. All options
// are checked as the minion does it. With faults the fleet is not to be used.
func ReadFleet(files []File, modules []beacons.Module) (*Fleet, config.Faults) {
	r := fleetReader{fleet: &Fleet{kinds: map[string]string{}}, modules: modules, blocks: map[string]*config.Node{}, named: map[string]Instance{}}
	for _, f := range files {
		root, faults := config.Parse(f.Name, f.Text)
		if r.fault(faults...); len(faults) > 0 {
			continue
		}
		if k := root.Kind(); k != config.Map && k != config.Null {
			r.fault(root.Fault("want blocks by name, not %s", k).WithHint("web: {tgt: 'web*', beacons: {file: {paths: {/etc/motd: {}}}}}"))
			continue
		}
		for _, p := range root.Pairs() {
			r.block(p)
		}
	}
	return r.fleet, r.faults.Sorted()
}

type fleetReader struct {
	fleet   *Fleet
	modules []beacons.Module
	blocks  map[string]*config.Node // where each name was first used
	named   map[string]Instance     // the first instance of each name
	faults  config.Faults
}

func (r *fleetReader) fault(f ...config.Fault) { r.faults = append(r.faults, f...) }

func (r *fleetReader) block(p config.Pair) {
	name := p.Key.Text()
	if first := r.blocks[name]; first != nil {
		r.fault(p.Key.Fault("the block %q is already declared at %s:%d", shorten(name), first.File(), first.Line()).WithHint("its name is yours: choose another"))
		return
	}
	if r.blocks[name] = p.Key; len(r.blocks) > MaxBlocks {
		r.fault(p.Key.Fault("more than %d blocks", MaxBlocks))
		return
	}
	o := options{Tgt: "*"}
	if faults := p.Value.Decode(&o); len(faults) > 0 {
		r.fault(faults...)
		return
	}
	var b block
	var err error
	if b.target, err = target.Parse(o.TgtType, o.Tgt); err != nil {
		at := p.Value.Get("tgt")
		if at == nil {
			at = p.Key
		}
		r.fault(at.Fault("%v", err))
	}
	list, faults := Read(o.Beacons, r.modules)
	r.fault(faults...)
	for _, in := range list {
		if first, ok := r.named[in.Name]; !ok {
			r.named[in.Name], r.fleet.kinds[in.Name] = in, in.Module.Name
		} else if first.Module.Name != in.Module.Name {
			r.fault(o.Beacons.Key(in.Name).Fault("%q is of the kind %s here and %s at %s", in.Name, in.Module.Name, first.Module.Name, first.From).
				WithHint("rules know by the name what an event carries"))
		}
	}
	for _, in := range o.Beacons.Pairs() {
		b.list = append(b.list, Source{Name: in.Key, Options: in.Value})
	}
	r.fleet.blocks = append(r.fleet.blocks, b)
}

// For is what a minion is to be sent; nil for nothing.
func (f *Fleet) For(id string, grains map[string]any) (event.Data, error) {
	if f == nil {
		return nil, nil
	}
	byName := map[string]Source{}
	for _, b := range f.blocks {
		if !b.target.Match(id, grains) {
			continue
		}
		for _, in := range b.list {
			byName[in.Name.Text()] = in
		}
	}
	if len(byName) > MaxInstances {
		return nil, fmt.Errorf("%d beacons for one minion; at most %d", len(byName), MaxInstances)
	}
	list := slices.SortedFunc(maps.Values(byName), func(a, b Source) int { return cmp.Compare(a.Name.Text(), b.Name.Text()) })
	return Encode(list)
}

// Kinds are those of the instances, by name.
func (f *Fleet) Kinds() map[string]string {
	if f == nil {
		return nil
	}
	return f.kinds
}

// Blocks is how many there are.
func (f *Fleet) Blocks() int {
	if f == nil {
		return 0
	}
	return len(f.blocks)
}
