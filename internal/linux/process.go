package linux

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Process is one process as /proc shows it.
type Process struct {
	PID   int     `json:"pid"`
	PPID  int     `json:"ppid"`
	Comm  string  `json:"comm"` // at most 15 bytes, as the process named itself
	State string  `json:"state"`
	UID   int     `json:"uid"`
	CPU   float64 `json:"cpu"` // seconds of a processor, user and system, since it began
	RSS   int64   `json:"rss"` // resident bytes
	Start uint64  `json:"start"`
}

// ticks is the kernel's clock tick for user space: USER_HZ, 100 on every architecture that Go runs on under Linux.
const ticks = 100

// maxProcesses bounds what is listed; a machine that has more is told of by the caller.
const maxProcesses = 1 << 17

// Processes lists all processes; one that ends meanwhile is left out.
func (p Proc) Processes() ([]Process, error) {
	dir, err := os.Open(p.path)
	if err != nil {
		return nil, absent(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var list []Process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || len(list) == maxProcesses {
			continue
		}
		if proc, err := p.Process(pid); err == nil {
			list = append(list, proc)
		}
	}
	return list, nil
}

// Process reads one process.
func (p Proc) Process(pid int) (Process, error) {
	path := filepath.Join(p.path, strconv.Itoa(pid), "stat")
	text, err := os.ReadFile(path)
	if err != nil {
		return Process{}, absent(err)
	}
	proc, err := parseProcess(string(text))
	if err != nil {
		return Process{}, fmt.Errorf("%s: %w", path, err)
	}
	proc.UID = owner(filepath.Dir(path))
	return proc, nil
}

// parseProcess reads /proc/<pid>/stat; see proc_pid_stat(5). The name stands in parentheses and may hold some itself.
func parseProcess(text string) (Process, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return Process{}, fmt.Errorf("no name in %.40q", text)
	}
	f := strings.Fields(text[end+1:]) // f[0] is the third field, the state
	const need = 22                   // up to rss
	if len(f) < need {
		return Process{}, fmt.Errorf("%d fields after the name, want %d", len(f), need)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text[:open]))
	if err != nil {
		return Process{}, err
	}
	p := Process{PID: pid, Comm: text[open+1 : end], State: f[0]}
	var user, system, pages int64
	for _, n := range []struct {
		at   int
		into *int64
	}{{11, &user}, {12, &system}, {21, &pages}} {
		if *n.into, err = strconv.ParseInt(f[n.at], 10, 64); err != nil {
			return Process{}, err
		}
	}
	if p.PPID, err = strconv.Atoi(f[1]); err != nil {
		return Process{}, err
	}
	if p.Start, err = strconv.ParseUint(f[19], 10, 64); err != nil {
		return Process{}, err
	}
	p.CPU = float64(user+system) / ticks
	p.RSS = pages * int64(os.Getpagesize())
	return p, nil
}

// Cmdline is a process's arguments, joined by spaces and cut to limit bytes; empty for a kernel thread and for what has ended.
func (p Proc) Cmdline(pid, limit int) string {
	text, err := os.ReadFile(filepath.Join(p.path, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return ""
	}
	s := strings.TrimRight(strings.ToValidUTF8(strings.ReplaceAll(string(text), "\x00", " "), "?"), " ")
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

// Largest lists the n processes that hold most memory, the largest first.
func Largest(list []Process, n int) []Process {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Process) int { return cmp.Or(cmp.Compare(b.RSS, a.RSS), cmp.Compare(a.PID, b.PID)) })
	return list[:min(n, len(list))]
}

// Busy is a process and the share of one processor it used between two readings.
type Busy struct {
	Process
	Share float64
}

// Busiest lists the n processes that used most of a processor between two readings, the busiest first. seconds passed between them.
func Busiest(before, now []Process, seconds float64, n int) []Busy {
	type key struct {
		pid   int
		start uint64
	}
	had := make(map[key]float64, len(before))
	for _, p := range before {
		had[key{p.PID, p.Start}] = p.CPU
	}
	var list []Busy
	for _, p := range now {
		used := p.CPU - had[key{p.PID, p.Start}] // a new one has used all of it since
		if used > 0 && seconds > 0 {
			list = append(list, Busy{p, used / seconds})
		}
	}
	slices.SortFunc(list, func(a, b Busy) int { return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.PID, b.PID)) })
	return list[:min(n, len(list))]
}

// Age is how long after the machine's start the process began.
func (p Process) Age() time.Duration { return time.Duration(p.Start) * (time.Second / ticks) }

// Uptime is how long the machine has run.
func (p Proc) Uptime() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(p.path, "uptime"))
	if err != nil {
		return 0, absent(err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil || !(seconds >= 0 && seconds < 1e9) {
		return 0, fmt.Errorf("uptime: %.40q is no number of seconds", first)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
