package linux

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Module is a kernel module, /proc/modules.
type Module struct {
	Name  string
	Size  int64  // bytes
	Taint string // letters in parentheses, such as OE: out of the kernel's tree, unsigned; empty for one that taints nothing
}

// Modules lists the modules that are loaded. A kernel without modules tells ErrAbsent.
func (p Proc) Modules() ([]Module, error) {
	path := filepath.Join(p.path, "modules")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, absent(err))
	}
	defer f.Close()
	var list []Module
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		m, err := parseModule(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, m)
	}
	return list, lines.Err()
}

// parseModule reads a line: name, size, references, users, state, address, and where there is one the taint.
func parseModule(line string) (m Module, err error) {
	f := strings.Fields(line)
	const need = 6
	if len(f) < need {
		return m, fmt.Errorf("%d fields in %.80q, want %d", len(f), line, need)
	}
	m.Name = f[0]
	if m.Size, err = strconv.ParseInt(f[1], 10, 64); err != nil {
		return m, err
	}
	if len(f) > need {
		m.Taint = strings.Trim(f[need], "()")
	}
	return m, nil
}

// DeviceEvents wake when the kernel tells of a device, a module among them (NETLINK_KOBJECT_UEVENT). They are told in the first network namespace only.
type DeviceEvents struct {
	file *os.File
	buf  []byte
}

// OpenDeviceEvents opens it. Nobody needs rights for that.
func OpenDeviceEvents() (*DeviceEvents, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("uevents: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		return nil, errors.Join(fmt.Errorf("uevents: %w", err), unix.Close(fd))
	}
	return &DeviceEvents{os.NewFile(uintptr(fd), "uevents"), make([]byte, sockDiagBuffer)}, nil
}

// Close ends a Wait.
func (e *DeviceEvents) Close() error { return e.file.Close() }

// Wait waits for an event of a subsystem, such as module, and returns an error when ctx has ended. Events that the kernel had no room to
// tell count as one.
func (e *DeviceEvents) Wait(ctx context.Context, subsystem string) error {
	stop := context.AfterFunc(ctx, func() { _ = e.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		n, err := e.file.Read(e.buf)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, unix.ENOBUFS):
			return nil
		case err != nil:
			return err
		}
		for _, field := range strings.Split(string(e.buf[:n]), "\x00") {
			if field == "SUBSYSTEM="+subsystem {
				return nil
			}
		}
	}
}
