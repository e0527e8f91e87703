package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Interface is a network device as the kernel shows it.
type Interface struct {
	Name    string
	Index   int
	Up      bool // switched on
	Running bool // with a carrier: something is at the other end
	MTU     int
	MAC     string
	Addrs   []string // with their prefix, such as 10.0.0.5/24, in order
}

// Interfaces lists all devices of this network namespace, by name.
func Interfaces() ([]Interface, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("network devices: %w", err)
	}
	list := make([]Interface, 0, len(devices))
	for _, d := range devices {
		i := Interface{Name: d.Name, Index: d.Index, Up: d.Flags&net.FlagUp != 0, Running: d.Flags&net.FlagRunning != 0, MTU: d.MTU, MAC: d.HardwareAddr.String()}
		addrs, err := d.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				i.Addrs = append(i.Addrs, p.String())
			}
		}
		slices.Sort(i.Addrs)
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Interface) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// LinkEvents wakes when a device, or an address of one, has changed (rtnetlink(7)). It never says what: who is woken looks. It needs no
// rights.
type LinkEvents struct {
	file *os.File
	buf  []byte
}

// OpenLinkEvents opens it.
func OpenLinkEvents() (*LinkEvents, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("rtnetlink: %w", err), unix.Close(fd))
	}
	return &LinkEvents{os.NewFile(uintptr(fd), "rtnetlink"), make([]byte, sockDiagBuffer)}, nil
}

// Close ends a Wait.
func (e *LinkEvents) Close() error { return e.file.Close() }

// Wait returns nil when something has changed, or may have, and an error when ctx has ended.
func (e *LinkEvents) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = e.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := e.file.Read(e.buf)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, unix.ENOBUFS) { // too much has changed to be told: all the more reason to look
		return nil
	}
	return err
}

// Traffic are the counters of a device since it was made, /proc/net/dev.
type Traffic struct {
	RxBytes, TxBytes, RxPackets, TxPackets, RxErrors, TxErrors, RxDropped, TxDropped uint64
}

// Traffic reads the counters of all devices, by name.
func (p Proc) Traffic() (map[string]Traffic, error) {
	devices, err := p.fs.NetDev()
	if err != nil {
		return nil, fmt.Errorf("%s/net/dev: %w", p.path, absent(err))
	}
	out := make(map[string]Traffic, len(devices))
	for name, d := range devices {
		out[name] = Traffic{d.RxBytes, d.TxBytes, d.RxPackets, d.TxPackets, d.RxErrors, d.TxErrors, d.RxDropped, d.TxDropped}
	}
	return out, nil
}
