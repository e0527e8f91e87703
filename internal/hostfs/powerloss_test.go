package hostfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPowerLoss cuts the power of an ext4 right after a swap, with the journal committed for another file's sake just
// before: the worst moment, as the rename is on the disk while nothing has waited for the new content. It needs root, loop devices and
// mkfs.ext4.
func TestPowerLoss(t *testing.T) {
	for _, c := range []struct {
		name string
		size int
	}{{"small", 300}, {"of many pages", 3 << 20}} {
		t.Run(c.name, func(t *testing.T) {
			image, mnt := ext4(t)
			want := bytes.Repeat([]byte("new "), c.size/4)
			swapThenCutPower(t, mnt, want, (*Draft).Flush)
			remount(t, image, mnt)
			got, err := os.ReadFile(filepath.Join(mnt, "target"))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("after the power loss the file has %d bytes, %v; want the %d new ones", len(got), err, len(want))
			}
		})
	}
	t.Run("the moment is the worst: without Flush the file is lost", func(t *testing.T) {
		image, mnt := ext4(t)
		swapThenCutPower(t, mnt, []byte("new"), func(*Draft) error { return nil })
		remount(t, image, mnt)
		if got, err := os.ReadFile(filepath.Join(mnt, "target")); err == nil && string(got) == "new" {
			t.Error("the file is whole: this test would not notice a missing Flush")
		}
	})
}

func swapThenCutPower(t *testing.T, mnt string, content []byte, flush func(*Draft) error) {
	t.Helper()
	old, err := os.Create(filepath.Join(mnt, "target"))
	ok(t, err)
	_, err = old.WriteString("old")
	ok(t, err)
	ok(t, old.Sync())
	ok(t, old.Close())
	dir, name, err := Parent(mnt, "/target", false)
	ok(t, err)
	defer dir.Close()
	ok(t, dir.Sync())
	w, err := dir.Draft(name, func(string) {})
	ok(t, err)
	defer w.Close()
	if !orderedJournal(int(w.f.Fd())) {
		t.Error("an ext4 with an ordered journal was not recognised as such")
	}
	_, err = w.Write(content)
	ok(t, err)
	ok(t, flush(w))
	_, err = w.Swap()
	ok(t, err)
	other, err := os.Create(filepath.Join(mnt, "other"))
	ok(t, err)
	ok(t, other.Sync()) // commits the journal, and with it the rename
	ok(t, other.Close())
	const shutdown, noLogFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	f, err := os.Open(mnt)
	ok(t, err)
	defer f.Close()
	ok(t, unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush))
}

// ext4 mounts a new file system.
func ext4(t *testing.T) (image, mnt string) {
	t.Helper()
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("needs root, and is not short")
	}
	image, mnt = filepath.Join(t.TempDir(), "image"), t.TempDir()
	ok(t, os.WriteFile(image, nil, 0o600))
	ok(t, os.Truncate(image, 32<<20))
	if out, err := exec.Command("mkfs.ext4", "-q", image).CombinedOutput(); err != nil {
		t.Skipf("no file system to cut off: %v %s", err, out)
	}
	mount(t, image, mnt)
	return image, mnt
}

func mount(t *testing.T, image, mnt string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "ext4", "-o", "loop,data=ordered", image, mnt).CombinedOutput(); err != nil {
		t.Skipf("no file system to cut off: %v %s", err, out)
	}
	t.Cleanup(func() { _ = unix.Unmount(mnt, unix.MNT_DETACH) })
}

func remount(t *testing.T, image, mnt string) {
	t.Helper()
	if out, err := exec.Command("umount", mnt).CombinedOutput(); err != nil {
		t.Fatalf("umount: %v %s", err, out)
	}
	mount(t, image, mnt)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
