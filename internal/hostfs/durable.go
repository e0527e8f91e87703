package hostfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Flush makes sure that no power loss after Swap can show an empty or half-written file under the target's name.
//
// The sure way everywhere is fsync before the rename. It waits for the journal's commit, and syncing the folder
// afterwards waits for a second one. On ext4 with an ordered journal one commit is enough: sync_file_range writes the
// data and waits until the device has it and the extents and the size stand in the journal's running or an earlier transaction; the
// rename joins that transaction or a later one; and the commit, which flushes the device's cache before it is written, makes all of it
// last in this order. So the rename, and with it the restored file, need not wait for the commit: Sync waits for it
// afterwards. TestPowerLoss cuts the power of a real ext4 at the worst moment; with neither call the file was empty then.
//
// No other file system is treated so: btrfs, for one, ends the writeback before it has the extents.
func (w *Draft) Flush() error {
	fd := int(w.f.Fd())
	if orderedJournal(fd) {
		const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
		if err := unix.SyncFileRange(fd, 0, 0, all); err == nil {
			return nil
		}
	}
	if err := unix.Fsync(fd); err != nil {
		return w.dir.explain("sync", w.name, err)
	}
	return nil
}

// Sync makes what was done in the folder last. It is called after Swap and Discard, so that one commit holds all.
func (d *Dir) Sync() error {
	if err := syncDir(d.fd); err != nil {
		return fmt.Errorf("sync folder %q: %w", d.path, err)
	}
	return nil
}

// SyncFile makes the owner and the mode of the file name last. Where nothing stands there any more, or no file, nothing needs to.
func (d *Dir) SyncFile(name string) error {
	f, _, err := d.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNotRegular):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return d.Sync() // whoever may not read it can still have the journal written
	case err != nil:
		return err
	}
	defer f.Close()
	if err := unix.Fsync(int(f.Fd())); err != nil {
		return d.explain("sync", name, err)
	}
	return nil
}

// syncDir syncs a folder that is open as a path only.
func syncDir(fd int) error {
	r, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(r)
	err = unix.Fsync(r)
	if err == unix.EINVAL || err == unix.ENOTSUP {
		return nil // the file system has no such thing for folders
	}
	return err
}

// orderedJournal reports whether the file lies on ext4 with an ordered journal and write barriers, as the kernel itself
// lists its options under /proc/fs/ext4/DEVICE/options. Whatever cannot be told counts as no.
func orderedJournal(fd int) bool {
	var sfs unix.Statfs_t
	if unix.Fstatfs(fd, &sfs) != nil || sfs.Type != unix.EXT4_SUPER_MAGIC {
		return false
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	dev, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev))))
	if err != nil {
		return false
	}
	options, err := os.ReadFile("/proc/fs/ext4/" + path.Base(dev) + "/options")
	if err != nil {
		return false
	}
	var ordered, barrier bool
	for line := range bytes.Lines(options) {
		switch string(bytes.TrimSpace(line)) {
		case "data=ordered":
			ordered = true
		case "barrier":
			barrier = true
		}
	}
	return ordered && barrier
}
