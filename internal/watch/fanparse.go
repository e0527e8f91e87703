package watch

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// fanEvent is one event of fanotify(7) as FAN_REPORT_DFID_NAME and FAN_REPORT_PIDFD shape it.
type fanEvent struct {
	mask  uint64
	pid   int32  // 0: none of our pid namespace
	pidfd int32  // to be closed; below 0: none, the process has gone
	dir   string // handle of the folder: see handleKey
	name  string // in the folder; ".": the folder itself
}

// Sizes in bytes of struct fanotify_event_metadata, of the header of what follows it, and of the fixed parts of that.
const (
	fanHeader   = 24
	fanInfo     = 4
	fanFIDFixed = fanInfo + 8 + 8 // header, fsid, length and type of the handle
	fanPIDFD    = fanInfo + 4
)

var errFanEvent = errors.New("fanotify: an event has not the shape it should have")

// parseFanEvents calls f for each event in what one read(2) gave.
func parseFanEvents(b []byte, f func(fanEvent)) error {
	for len(b) > 0 {
		if len(b) < fanHeader {
			return errFanEvent
		}
		size, version := int(binary.NativeEndian.Uint32(b)), b[4]
		meta := int(binary.NativeEndian.Uint16(b[6:]))
		if version != unix.FANOTIFY_METADATA_VERSION || meta < fanHeader || size < meta || size > len(b) {
			return errFanEvent
		}
		e := fanEvent{mask: binary.NativeEndian.Uint64(b[8:]), pid: int32(binary.NativeEndian.Uint32(b[20:])), pidfd: unix.FAN_NOPIDFD}
		err := e.infos(b[meta:size])
		f(e) // even then: it may hold a pidfd
		if err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// infos reads what follows the metadata.
func (e *fanEvent) infos(b []byte) error {
	for len(b) > 0 {
		if len(b) < fanInfo {
			return errFanEvent
		}
		size := int(binary.NativeEndian.Uint16(b[2:]))
		if size < fanInfo || size > len(b) {
			return errFanEvent
		}
		info := b[:size]
		switch b[0] {
		case unix.FAN_EVENT_INFO_TYPE_PIDFD:
			if size < fanPIDFD {
				return errFanEvent
			}
			e.pidfd = int32(binary.NativeEndian.Uint32(info[fanInfo:]))
		case unix.FAN_EVENT_INFO_TYPE_DFID_NAME:
			if size < fanFIDFixed {
				return errFanEvent
			}
			n := int(binary.NativeEndian.Uint32(info[fanInfo+8:]))
			if n < 0 || n > size-fanFIDFixed {
				return errFanEvent
			}
			typ := int32(binary.NativeEndian.Uint32(info[fanInfo+12:]))
			e.dir = handleKey(info[fanInfo:fanInfo+8], typ, info[fanFIDFixed:fanFIDFixed+n])
			name, _, _ := bytes.Cut(info[fanFIDFixed+n:], []byte{0})
			e.name = string(name)
		}
		b = b[size:]
	}
	return nil
}

// handleKey is one text of what names a folder in the kernel: file system, type of handle, handle.
func handleKey(fsid []byte, typ int32, handle []byte) string {
	b := make([]byte, 0, 12+len(handle))
	b = append(b, fsid...)
	b = binary.NativeEndian.AppendUint32(b, uint32(typ))
	return string(append(b, handle...))
}

// handleFID asks for a handle that is good for comparing only, which more file systems have (AT_HANDLE_FID, Linux 6.5).
const handleFID = 0x200

// handleOf is the key of the folder at name.
func handleOf(name string) (string, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(name, &fs); err != nil {
		return "", err
	}
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, name, handleFID)
	if err != nil {
		h, _, err = unix.NameToHandleAt(unix.AT_FDCWD, name, 0)
	}
	if err != nil {
		return "", err
	}
	fsid := binary.NativeEndian.AppendUint32(nil, uint32(fs.Fsid.Val[0]))
	fsid = binary.NativeEndian.AppendUint32(fsid, uint32(fs.Fsid.Val[1]))
	return handleKey(fsid, h.Type(), h.Bytes()), nil
}
