package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// Head is the first n rows of the whole table, or all if it has fewer. Like [Tail] and [Slice] it leaves rows where
// they are and shares their cells. Collective.
func Head(c collective.Comm, t *Table, n int64) (*Table, error) {
	return sliceRows(c, t, "head", n, func(total int64) int64 { return 0 })
}

// Tail is the last n rows of the whole table, or all if it has fewer. Collective.
func Tail(c collective.Comm, t *Table, n int64) (*Table, error) {
	return sliceRows(c, t, "tail", n, func(total int64) int64 { return max(0, total-n) })
}

// Slice is n rows of the whole table from row from (from 0) on, or those that there are. Collective.
func Slice(c collective.Comm, t *Table, from, n int64) (*Table, error) {
	if from < 0 {
		return nil, fmt.Errorf("frame: slice: from row %d: want 0 or more", from)
	}
	return sliceRows(c, t, "slice", n, func(total int64) int64 { return min(from, total) })
}

func sliceRows(c collective.Comm, t *Table, op string, n int64, start func(total int64) int64) (*Table, error) {
	if n < 0 {
		return nil, fmt.Errorf("frame: %s: %d rows: want 0 or more", op, n)
	}
	first, total, err := rowsBefore(c, t)
	if err != nil {
		return nil, wrap(op, err)
	}
	from := start(total)
	till := from + min(n, total-from)
	var chunks []arrow.Record
	for _, r := range t.chunks {
		lo, hi := max(0, from-first), min(r.NumRows(), till-first)
		if lo < hi {
			chunks = append(chunks, r.NewSlice(lo, hi))
		}
		first += r.NumRows()
	}
	return t.with(chunks...), nil
}

// rowsBefore is the number of rows on the ranks before this one, and on all. Collective.
func rowsBefore(c collective.Comm, t *Table) (before, total int64, err error) {
	all, err := collective.AllGatherOne(c, int64(t.rows))
	for r, n := range all {
		if r < c.Rank() {
			before += n
		}
		total += n
	}
	return before, total, err
}
