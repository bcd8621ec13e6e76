package frame

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func TestHeadTailSlice(t *testing.T) {
	rec := someTable(checked(t), rand.New(rand.NewPCG(4, 4)), 23, 5)
	defer rec.Release()
	all := rowsOf(rec)
	for _, c := range []struct {
		name   string
		lo, hi int
		op     func(c collective.Comm, t *Table) (*Table, error)
	}{
		{"head 0", 0, 0, func(c collective.Comm, t *Table) (*Table, error) { return Head(c, t, 0) }},
		{"head 7", 0, 7, func(c collective.Comm, t *Table) (*Table, error) { return Head(c, t, 7) }},
		{"head all", 0, 23, func(c collective.Comm, t *Table) (*Table, error) { return Head(c, t, math.MaxInt64) }},
		{"tail 7", 16, 23, func(c collective.Comm, t *Table) (*Table, error) { return Tail(c, t, 7) }},
		{"tail all", 0, 23, func(c collective.Comm, t *Table) (*Table, error) { return Tail(c, t, 99) }},
		{"slice 3 9", 3, 12, func(c collective.Comm, t *Table) (*Table, error) { return Slice(c, t, 3, 9) }},
		{"slice 20 9", 20, 23, func(c collective.Comm, t *Table) (*Table, error) { return Slice(c, t, 20, 9) }},
		{"slice behind", 0, 0, func(c collective.Comm, t *Table) (*Table, error) { return Slice(c, t, 99, 9) }},
		{"slice far", 5, 23, func(c collective.Comm, t *Table) (*Table, error) { return Slice(c, t, 5, math.MaxInt64) }},
	} {
		for seed := range uint64(5) {
			for n, rows := range onRanks(t, seed, []arrow.Record{rec}, func(cm collective.Comm, tabs []*Table) (*Table, error) { return c.op(cm, tabs[0]) }) {
				if fmt.Sprint(rows) != fmt.Sprint(all[c.lo:c.hi]) {
					t.Errorf("%s, %d ranks: %d rows, want %d", c.name, n, len(rows), c.hi-c.lo)
				}
			}
		}
	}
	wantOpError(t, rec, "frame: head: -1 rows: want 0 or more", func(c collective.Comm, tab *Table) (*Table, error) { return Head(c, tab, -1) })
	wantOpError(t, rec, "frame: slice: from row -1: want 0 or more", func(c collective.Comm, tab *Table) (*Table, error) { return Slice(c, tab, -1, 2) })
}
