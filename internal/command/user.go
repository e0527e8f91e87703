package command

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// credential is who a command runs as, and their home; nil for ourselves.
func credential(name string) (*syscall.Credential, string, error) {
	if name == "" {
		return nil, "", nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, "", err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err == nil && int(uid) == os.Geteuid() {
		return nil, u.HomeDir, nil
	}
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	ids, err3 := u.GroupIds()
	if err != nil || err2 != nil || err3 != nil {
		return nil, "", fmt.Errorf("user %q: its ids cannot be read", name)
	}
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			c.Groups = append(c.Groups, uint32(n))
		}
	}
	return c, u.HomeDir, nil
}
