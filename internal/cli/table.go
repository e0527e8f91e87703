package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// columnGap is between two columns.
const columnGap = "  "

// table aligns rows of cells. A row may be shown before the last has come: columns only grow.
type table struct {
	out    io.Writer
	paint  palette
	header []string
	widths []int
	rows   [][]string
	shown  bool
}

func newTable(out io.Writer, paint palette, header ...string) *table {
	t := &table{out: out, paint: paint, header: header, widths: make([]int, len(header))}
	t.measure(header)
	return t
}

// row adds a row. Cells may have colours, and must be clean and of one line.
func (t *table) row(cells ...string) {
	t.measure(cells)
	t.rows = append(t.rows, cells)
}

func (t *table) measure(cells []string) {
	for i, c := range cells {
		t.widths[i] = max(t.widths[i], width(c))
	}
}

func width(s string) int { return text.StringWidthWithoutEscSequences(s) }

// flush shows the rows that have come.
func (t *table) flush() error {
	if !t.shown {
		t.shown = true
		if err := t.line(t.header, t.paint.dim); err != nil {
			return err
		}
	}
	for _, r := range t.rows {
		if err := t.line(r, func(s string) string { return s }); err != nil {
			return err
		}
	}
	t.rows = t.rows[:0]
	return nil
}

func (t *table) line(cells []string, paint func(string) string) error {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteString(columnGap)
		}
		b.WriteString(c)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", t.widths[i]-width(c)))
		}
	}
	_, err := fmt.Fprintln(t.out, paint(strings.TrimRight(b.String(), " ")))
	return err
}
