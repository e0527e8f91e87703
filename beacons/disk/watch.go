package disk

import (
	"context"
	"errors"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"brine/beacons"
	"brine/internal/linux"
)

type beacon struct {
	config  *Config
	env     beacons.Env
	space   func(path string) (linux.Space, error)
	limits  *beacons.Limits
	filling map[string]*filling // by mount
}

// Run implements beacons.Beacon.
func (b *beacon) Run(ctx context.Context, fire beacons.Fire) (err error) {
	b.limits, err = beacons.NewLimits(b.env, fire, beacons.Thresholds(b.config.Limits, func(l *Limit) *beacons.Threshold { return &l.Threshold }))
	if err != nil {
		return err
	}
	return b.env.Every(ctx, func(now time.Time) error { return b.sample(ctx, now) })
}

// onDisk are the types that are watched when a limit names none: file systems of a disk of this host. Others have no end of their own,
// are full by design, or may hang.
var onDisk = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "vfat", "exfat", "ntfs", "ntfs3", "bcachefs", "ufs", "nilfs2"}

// mounted is a file system and what is known of it now.
type mounted struct {
	linux.Mount
	linux.Space
	fullIn *float64
}

func (b *beacon) sample(ctx context.Context, now time.Time) error {
	proc, err := linux.OpenProc(b.env.Root)
	if err != nil {
		return err
	}
	mounts, err := proc.Mounts()
	if errors.Is(err, linux.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	there := b.look(mounts, now)
	for _, name := range slices.Sorted(maps.Keys(b.config.Limits)) {
		l := b.config.Limits[name]
		for _, m := range there {
			if value, ok := l.value(m); ok && l.means(m.Mount) {
				b.limits.Step(ctx, name, m.Path, now, value, func(r beacons.Reading) any { return l.data(r, m) })
			}
		}
		b.limits.Gone(ctx, name, now, func(key string) bool {
			return slices.ContainsFunc(there, func(m mounted) bool { return m.Path == key && l.means(m.Mount) })
		}, func(r beacons.Reading) any { return l.data(r, mounted{Mount: linux.Mount{Path: r.Key}}) })
	}
	return nil
}

// look asks every file system that some limit means, once.
func (b *beacon) look(mounts []linux.Mount, now time.Time) (there []mounted) {
	filling := map[string]*filling{}
	for _, m := range mounts {
		if !slices.ContainsFunc(slices.Collect(maps.Values(b.config.Limits)), func(l Limit) bool { return l.means(m) }) {
			continue
		}
		space, err := b.space(b.env.Path(m.Path))
		if err != nil || space.Size == 0 {
			continue // unmounted just now, or of no size
		}
		f := b.filling[m.Path]
		if f == nil || f.device != m.Device {
			f = newFilling(m.Device)
		}
		f.add(now, space.Used)
		filling[m.Path] = f
		there = append(there, mounted{m, space, f.left(space.Free)})
	}
	b.filling = filling
	return there
}

func (l Limit) means(m linux.Mount) bool {
	types := l.Types
	if len(types) == 0 {
		types = onDisk
	}
	if !slices.Contains(types, m.Type) {
		return false
	}
	return len(l.Mounts) == 0 || slices.ContainsFunc(l.Mounts, func(p string) bool { return matchPath(p, m.Path) })
}

// matchPath matches as the shell does; with /** at its end, everything below too.
func matchPath(pattern, name string) bool {
	if above, ok := strings.CutSuffix(pattern, "/**"); ok && (name == above || strings.HasPrefix(name, above+"/")) {
		return true
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

// value is what the limit looks at; false when this file system does not have it.
func (l Limit) value(m mounted) (float64, bool) {
	of, whole := m.Used, m.Size
	switch l.Of {
	case "free":
		of = m.Free
	case "inodes":
		of, whole = m.InodesIn, m.Inodes
	case "full_in":
		if m.fullIn == nil {
			return math.MaxFloat64, true
		}
		return *m.fullIn, true
	}
	if l.Threshold.Unit() == beacons.Bytes {
		return float64(of), true
	}
	if whole == 0 {
		return 0, false
	}
	return math.Round(1000*float64(of)/float64(whole)) / 10, true
}

func (l Limit) data(r beacons.Reading, m mounted) Data {
	d := Data{Limit: r.Limit, State: r.State(), Mount: m.Path, Device: m.Source, Type: m.Type, Of: l.Of, Value: r.Value, Threshold: l.Threshold.Limit(), Worst: r.Worst,
		Since: r.Since, Lasted: r.Lasted(), Size: m.Size, Used: m.Used, Free: m.Free, Inodes: m.Inodes, InodesIn: m.InodesIn, FullIn: m.fullIn}
	if d.Of == "" {
		d.Of = "used"
	}
	if d.Of == "full_in" && d.Value == math.MaxFloat64 {
		d.Value = 0 // it does not fill: full_in is null
	}
	return d
}
