package linux

import (
	"os"
	"syscall"
)

// owner is the user id of a folder of /proc, which is the process's effective user; -1 when it is gone.
func owner(path string) int {
	info, err := os.Lstat(path)
	if err != nil {
		return -1
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(st.Uid)
}
