package hostfs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// systemFolders are those without which a host does not run, or which hold what many programs put there. None of them is
// ever removed or emptied as a whole.
var systemFolders = [...]string{
	"/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin",
	"/srv", "/sys", "/tmp", "/usr", "/var", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/libx32", "/usr/local",
	"/usr/sbin", "/usr/share", "/var/cache", "/var/lib", "/var/log", "/var/spool", "/var/tmp",
}

// kernelFolders hold no files but the kernel's own switches.
var kernelFolders = [...]string{"/dev", "/proc", "/sys"}

// ErrSystemFolder is returned for a folder that must never be removed or emptied as a whole.
var ErrSystemFolder = errors.New("it is a folder of the system, which is never removed or emptied as a whole")

// CheckRemovable refuses the root, the folders of the system and what belongs to the kernel, by their names.
func CheckRemovable(p string) error {
	if p == "/" || slices.Contains(systemFolders[:], p) {
		return fmt.Errorf("%q: %w", p, ErrSystemFolder)
	}
	for _, k := range kernelFolders {
		if len(p) > len(k) && p[:len(k)] == k && p[len(k)] == '/' && k != "/dev" {
			return fmt.Errorf("%q: %w", p, ErrSystemFolder)
		}
	}
	return nil
}

// CheckRemovableFolder refuses the same folders by what they are, whatever name leads to them.
func CheckRemovableFolder(ctx context.Context, root string, i Info) error {
	same := func(st *unix.Stat_t) bool { return st.Ino == i.Ino && uint64(st.Dev) == i.Dev }
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err != nil || same(&st) {
		return fmt.Errorf("%q: %w", "/", errors.Join(ErrSystemFolder, err))
	}
	for _, p := range systemFolders {
		dir, name, err := Parent(root, p, false)
		if err != nil {
			continue // there is no such folder
		}
		err = unix.Fstatat(dir.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		dir.Close()
		if err == nil && same(&st) {
			return fmt.Errorf("%q: %w", p, ErrSystemFolder)
		}
	}
	return ctx.Err()
}
