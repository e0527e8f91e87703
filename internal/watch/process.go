package watch

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"brine/beacons"
)

const (
	// maxCmdline bounds a command line, in bytes; as much is read of it.
	maxCmdline = 1024
	// maxParents bounds the chain of ancestors.
	maxParents = 16
	// maxProcFile is how much is read of a small file in /proc, in bytes.
	maxProcFile = 4096
	// notSet is what loginuid and sessionid say for nobody: (uid_t)-1.
	notSet = 4294967295
)

// process is what /proc told of one process running one program.
type process struct {
	pid     int32
	start   uint64 // in clock ticks after the boot: with pid it names the process
	read    time.Time
	exe     *string
	cmdline *string
	uid     *int64
	login   *int64
	session *int64
	ppid    int32
	parents []string
	manager string
	pkg     string
	admin   string // below /proc: where the dpkg among it and its ancestors keeps what it knows
	execing bool   // exe and cmdline may be those of the program before
}

// procDir is /proc/PID held open: once the process has gone, every read fails, whoever has its number by then.
type procDir int

func openProc(root string, pid int32) (procDir, error) {
	fd, err := unix.Open(root+"/"+strconv.Itoa(int(pid)), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return procDir(fd), err
}

func (d procDir) close() { unix.Close(int(d)) }

func (d procDir) file(name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	return buf[:max(n, 0)], err
}

// number reads loginuid or sessionid; nil: not set, or unknown to this kernel.
func (d procDir) number(name string, buf []byte) *int64 {
	b, err := d.file(name, buf)
	if err != nil {
		return nil
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil || n < 0 || n >= notSet {
		return nil
	}
	return &n
}

// program reads what an exec changes: it is the first that is lost when a process ends.
func (d procDir) program(buf []byte) (exe, cmdline *string) {
	if n, err := unix.Readlinkat(int(d), "exe", buf); err == nil && n > 0 {
		s := clean(string(buf[:n]))
		exe = &s
	}
	if b, err := d.file("cmdline", buf[:maxCmdline]); err == nil && len(b) > 0 {
		s := clean(strings.ReplaceAll(strings.TrimRight(string(b), "\x00"), "\x00", " "))
		cmdline = &s
	}
	return exe, cmdline
}

// clean makes text of what may hold any byte.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

var errNoProcess = errors.New("no such process")

// readProcess reads all but the ancestors. A process that has ended, and that nobody has waited for, has neither exe nor cmdline.
func readProcess(root string, pid int32) (*process, error) {
	d, err := openProc(root, pid)
	if err != nil {
		return nil, err
	}
	defer d.close()
	p := &process{pid: pid, read: time.Now()}
	buf := make([]byte, maxProcFile)
	p.exe, p.cmdline = d.program(buf)
	if b, err := d.file("status", buf); err == nil {
		p.uid = parseUID(b)
	}
	p.login = d.number("loginuid", buf)
	p.session = d.number("sessionid", buf)
	b, err := d.file("stat", buf)
	if err != nil {
		return nil, err
	}
	var ok bool
	if _, p.ppid, p.start, ok = parseStat(b); !ok {
		return nil, errNoProcess
	}
	return p, nil
}

// parseUID takes the effective uid from proc_pid_status(5); nil: it is not there.
func parseUID(status []byte) *int64 {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte("Uid:"))
		if !ok {
			continue
		}
		if f := bytes.Fields(rest); len(f) == 4 {
			if n, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil && n >= 0 {
				return &n
			}
		}
		return nil
	}
	return nil
}

// parseStat takes name, parent and start time (fields 2, 4 and 22) from proc_pid_stat(5). The name may hold anything.
func parseStat(b []byte) (name string, ppid int32, start uint64, ok bool) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return "", 0, 0, false
	}
	f := bytes.Fields(b[end+1:])
	if len(f) < 20 {
		return "", 0, 0, false
	}
	pp, err := strconv.ParseInt(string(f[1]), 10, 32)
	if err != nil {
		return "", 0, 0, false
	}
	start, err = strconv.ParseUint(string(f[19]), 10, 64)
	return clean(string(b[open+1 : end])), int32(pp), start, err == nil
}

// ancestors adds the chain of parents, and which package manager is at work.
func (p *process) ancestors(root string) {
	p.recognise(p.pid, p.exe, p.cmdline)
	buf := make([]byte, maxProcFile)
	for at := p.ppid; at > 0 && len(p.parents) < maxParents; {
		d, err := openProc(root, at)
		if err != nil {
			return
		}
		b, err := d.file("stat", buf)
		name, up, _, ok := parseStat(b)
		if err == nil && ok {
			p.parents = append(p.parents, name)
			if isManager(name) || p.manager != "" && p.pkg == "" {
				exe, cmdline := d.program(buf)
				p.recognise(at, exe, cmdline)
			}
		}
		d.close()
		if err != nil || !ok {
			return
		}
		at = up
	}
}

// same reports whether two readings are of one program of one process.
func (p *process) same(o *process) bool {
	return p.start == o.start && equal(p.exe, o.exe) && equal(p.cmdline, o.cmdline) && equal(p.uid, o.uid)
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// actor is the process as events show it; pkg is the package it worked on, where that was seen only when it did so.
func (p *process) actor(pkg string) *beacons.Actor {
	if p == nil {
		return nil
	}
	pid := int64(p.pid)
	a := &beacons.Actor{PID: &pid, UID: p.uid, LoginUID: p.login, Session: p.session, Parents: p.parents}
	if !p.execing {
		a.Exe, a.Cmdline = p.exe, p.cmdline
	}
	if p.manager != "" {
		a.PackageManager = &p.manager
	}
	if p.pkg != "" {
		pkg = p.pkg
	}
	if pkg != "" {
		a.Package = &pkg
	}
	return a
}
