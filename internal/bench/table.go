package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is what one part found out, printed as Markdown.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) String() string {
	var b strings.Builder
	wide := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			wide[i] = max(wide[i], len([]rune(cell)))
		}
	}
	line := func(row []string) {
		for i, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", wide[i], cell)
		}
		b.WriteString("|\n")
	}
	line(t.head)
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = strings.Repeat("-", max(wide[i], 3))
	}
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// machine says in a line what the figures were taken on. The load tells how far others disturbed them.
func machine() string {
	load, _ := os.ReadFile("/proc/loadavg")
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores of %s, Linux %s, load %s", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), processor(),
		strings.TrimSpace(string(kernel)), strings.Join(slices.Concat(strings.Fields(string(load)), []string{"?", "?", "?"})[:3], " "))
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// percentiles are the columns of timings: median, p90, p99 and the longest.
func percentiles(d []time.Duration) []string {
	slices.Sort(d)
	at := func(p float64) string { return ms(d[min(len(d)-1, int(p*float64(len(d))))]) }
	return []string{at(0.5), at(0.9), at(0.99), ms(d[len(d)-1])}
}
