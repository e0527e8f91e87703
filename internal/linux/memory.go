package linux

import "fmt"

// Memory is /proc/meminfo, in bytes.
type Memory struct {
	Total, Free, Available, Buffers, Cached int64
	SwapTotal, SwapFree                     int64
}

// Memory reads how the memory is used. Kernels before 3.14 do not tell what is available: then it is free, buffers and cache.
func (p Proc) Memory() (Memory, error) {
	m, err := p.fs.Meminfo()
	if err != nil {
		return Memory{}, fmt.Errorf("%s/meminfo: %w", p.path, absent(err))
	}
	if m.MemTotalBytes == nil || *m.MemTotalBytes == 0 {
		return Memory{}, fmt.Errorf("%s/meminfo does not say how much there is", p.path)
	}
	out := Memory{
		Total: bytesOf(m.MemTotalBytes), Free: bytesOf(m.MemFreeBytes), Buffers: bytesOf(m.BuffersBytes), Cached: bytesOf(m.CachedBytes),
		SwapTotal: bytesOf(m.SwapTotalBytes), SwapFree: bytesOf(m.SwapFreeBytes),
	}
	out.Available = out.Free + out.Buffers + out.Cached
	if m.MemAvailableBytes != nil {
		out.Available = bytesOf(m.MemAvailableBytes)
	}
	return out, nil
}

func bytesOf(n *uint64) int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}

// Load is /proc/loadavg.
type Load struct {
	One, Five, Fifteen float64 // processes running or waiting for a disk, over so many minutes
}

// Load reads the load averages.
func (p Proc) Load() (Load, error) {
	l, err := p.fs.LoadAvg()
	if err != nil {
		return Load{}, fmt.Errorf("%s/loadavg: %w", p.path, absent(err))
	}
	return Load{l.Load1, l.Load5, l.Load15}, nil
}
