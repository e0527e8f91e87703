package apiserver

import (
	"context"
	"net"
	"os/user"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

type byKey struct{}

// By is who asks: the name of the user at the other end of the socket, as the kernel says, or "uid:1000" where there
// is no name. Who used sudo is root.
func By(ctx context.Context) string {
	if by, ok := ctx.Value(byKey{}).(func() string); ok {
		return by()
	}
	return ""
}

// withPeer remembers who is at the other end. The name is looked up when somebody asks for it.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, byKey{}, sync.OnceValue(func() string { return peerName(c) }))
}

func peerName(c net.Conn) string {
	if l, ok := c.(*limited); ok {
		c = l.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return "unknown"
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return "unknown"
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return "unknown"
	}
	return userName(cred.Uid)
}

func userName(uid uint32) string {
	text := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(text); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid:" + text
}
