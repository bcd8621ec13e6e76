package duckdb

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// TestSort: rows with equal keys keep their order, which the query says by their number.
func TestSort(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		var keys []frame.SortKey
		var by, columns []string
		for _, i := range rng.Perm(len(s.Columns))[:min(len(s.Columns), 1+rng.IntN(3))] {
			k := frame.SortKey{Column: s.Columns[i].Name, Desc: rng.IntN(2) == 0, NullsFirst: rng.IntN(2) == 0}
			direction, nulls := "ASC", "LAST"
			if k.Desc {
				direction = "DESC"
			}
			if k.NullsFirst {
				nulls = "FIRST"
			}
			keys, columns, by = append(keys, k), append(columns, k.Column), append(by, fmt.Sprintf("%s %s NULLS %s", as("t0", k.Column), direction, nulls))
		}
		return question{
			tables: []frametest.Spec{s},
			text:   fmt.Sprintf("sort %+v", keys),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Sort(c, in[0], keys...)
			},
			sql:  "SELECT * FROM t0 ORDER BY " + strings.Join(by, ", ") + ", rowid",
			diff: frametest.DiffOptions{Ordered: true, Inexact: columns}, // of −0 in a key DuckDB makes 0
		}
	})
}

// randomTable has one to five columns of any type.
func randomTable(rng *rand.Rand, rows int) frametest.Spec {
	s := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, rows)}
	for i := range 1 + rng.IntN(5) {
		s.Columns = append(s.Columns, frametest.RandomColumn(rng, fmt.Sprint("c", i), frametest.Types...))
	}
	return s
}
