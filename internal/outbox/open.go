package outbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Open opens the file, or makes it, with mode 0600. ErrLocked: another process has it. A file that is damaged is kept beside
// under name.damaged-<n>; what is whole in it goes on in a new file, and Damages says what was lost.
func Open(path string, opt Options) (*Outbox, error) {
	opt = opt.filled()
	if opt.ReserveBytes >= opt.MaxBytes {
		return nil, fmt.Errorf("outbox %s: a reserve of %d bytes in %d", path, opt.ReserveBytes, opt.MaxBytes)
	}
	lock, err := lockFile(path+".lock", opt.LockWait)
	if err != nil {
		return nil, fmt.Errorf("outbox %s: %w", path, err)
	}
	o := &Outbox{
		path: path, opt: opt, lock: lock,
		lost: map[uint64]bool{}, room: make(chan struct{}),
		requests: make(chan *request, maxGroup), calls: make(chan func()), urge: make(chan struct{}, 1),
		stop: make(chan struct{}), exited: make(chan struct{}),
	}
	close(o.room)
	o.timer = time.AfterFunc(time.Hour, o.wake)
	o.timer.Stop()
	if err := o.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("outbox %s: %w", path, err), lock.Close())
	}
	go o.run()
	if o.book.kinds[kEvents].count == 0 {
		o.wake() // a file left large is compacted
	}
	return o, nil
}

// lockFile takes the lock that keeps a second process out. It is a file of its own, because compaction exchanges the other.
func lockFile(path string, wait time.Duration) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			break
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%w (hint: is another brine-minion running on this data_dir?)", ErrLocked), f.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil, errors.Join(fmt.Errorf("lock: %w", err), f.Close())
}

// load makes db and book.
func (o *Outbox) load() error {
	for _, left := range []string{".new", ".compact"} { // by a crash; never the only copy of anything
		if err := os.Remove(o.path + left); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	f, err := os.Open(o.path)
	if errors.Is(err, os.ErrNotExist) {
		return o.create()
	}
	if err != nil {
		return err
	}
	s, err := surveyFile(f)
	if err == nil {
		if list := s.damages(); len(list) > 0 {
			err = o.rebuild(f, &s, list)
		} else {
			o.db, err = openBolt(o.path)
			o.book = s.book
			o.book.kinds = s.kinds
		}
	}
	return errors.Join(err, f.Close())
}

func openBolt(path string) (db *bolt.DB, err error) {
	err = guard(func() error {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:         time.Second,
			NoFreelistSync:  true, // half of a commit's time in a large file; rebuilt by reading when opened
			FreelistType:    bolt.FreelistMapType,
			InitialMmapSize: 1 << 20, // grown to at once, and seldom past
			NoStatistics:    true,
		})
		return err
	})
	return db, err
}

// create makes a new file under another name first, so that a crash leaves no half of one.
func (o *Outbox) create() error {
	db, err := createBolt(o.path + ".new")
	if err != nil {
		return err
	}
	c := &change{book: book{first: 1, next: 1, deadNext: 1, doneNext: 1}}
	c.renew(o.opt)
	if err := keepTwice(db, c); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := o.install(db, ".new"); err != nil {
		return errors.Join(err, db.Close())
	}
	o.book = c.book
	return nil
}

func createBolt(path string) (*bolt.DB, error) {
	db, err := openBolt(path)
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for k := range numKinds {
			if _, err := tx.CreateBucketIfNotExists(k.bucket()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// keepTwice writes the counters in two transactions, so that both meta pages are of a file that is complete.
func keepTwice(db *bolt.DB, c *change) error {
	for range 2 {
		if err := db.Update(func(tx *bolt.Tx) error { c.tx = tx; return c.keep() }); err != nil {
			return err
		}
	}
	return nil
}

// install puts a finished file, still open, in the place of the outbox.
func (o *Outbox) install(db *bolt.DB, suffix string) error {
	if err := db.Sync(); err != nil {
		return err
	}
	if err := os.Rename(o.path+suffix, o.path); err != nil {
		return err
	}
	o.db = db
	return syncDir(o.path)
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
