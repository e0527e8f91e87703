package outbox

import (
	"errors"
	"os"

	bolt "go.etcd.io/bbolt"
)

// compact copies a drained file that has grown large into a new one and puts that in its place: bbolt never shrinks a file. The
// new one is complete and synced before it takes the name, so that a crash at any point leaves one of the two.
func (o *Outbox) compact() {
	o.mu.Lock()
	drained := o.book.kinds[kEvents].count == 0 && o.broken == nil
	used := o.book.used()
	o.mu.Unlock()
	info, err := os.Stat(o.path)
	if err != nil || !drained || info.Size() <= o.opt.CompactBytes || info.Size() < 2*used {
		return
	}
	if err := o.exchange(); err != nil {
		o.opt.Log.Error("outbox: not compacted", "error", err)
		return
	}
	o.mu.Lock()
	o.stats.Compactions++
	o.mu.Unlock()
}

func (o *Outbox) exchange() error {
	const suffix = ".compact"
	if err := os.Remove(o.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openBolt(o.path + suffix)
	if err != nil {
		return err
	}
	old := o.db
	c := &change{book: o.book}
	err = guard(func() error { return bolt.Compact(db, old, salvageBytes) })
	if err == nil {
		err = keepTwice(db, c)
	}
	if err != nil {
		return errors.Join(err, db.Close(), os.Remove(o.path+suffix))
	}
	o.swap.Lock()
	defer o.swap.Unlock()
	if err := o.install(db, suffix); err != nil {
		if o.db != db {
			err = errors.Join(err, db.Close())
		}
		return err
	}
	o.mu.Lock()
	o.book = c.book
	o.mu.Unlock()
	return guard(old.Close)
}
