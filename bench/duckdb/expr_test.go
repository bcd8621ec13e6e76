package duckdb

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// plainSQL is a computed cell as the integer that [plain] makes of a date or time.
func plainSQL(kind byte, sql string) string {
	switch kind {
	case 'd':
		return "(" + sql + " - DATE '1970-01-01')"
	case 't':
		return "epoch_us(" + sql + ")"
	}
	return sql
}

// exprTable has now and then more rows than a block of the evaluation.
func exprTable(rng *rand.Rand) frametest.Spec {
	s := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 200), Columns: exprColumns(rng)}
	if rng.IntN(10) == 0 {
		s.Rows = 2000 + rng.IntN(3000)
	}
	return s
}

func TestCompute(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := exprTable(rng)
		kind := exprKinds[rng.IntN(len(exprKinds))]
		x := randomExprs{rng, 1 + rng.IntN(4), true}.random(kind)
		return question{
			tables: []frametest.Spec{s},
			text:   "compute " + x.our,
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Compute(c, in[0], "x", x.our)
			},
			sql:  fmt.Sprintf("SELECT *, %s FROM t0 ORDER BY rowid", plainSQL(kind, x.sql)),
			diff: frametest.DiffOptions{Ordered: true, Inexact: []string{"x"}, Tolerance: 1e-9, Absolute: 1e-9},
		}
	})
}

func TestFilter(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := exprTable(rng)
		x := randomExprs{rng, 1 + rng.IntN(4), true}.random('b')
		return question{
			tables: []frametest.Spec{s},
			text:   "filter " + x.our,
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Filter(c, in[0], x.our)
			},
			sql:  fmt.Sprintf("SELECT * EXCLUDE (row, keep) FROM (SELECT *, rowid AS row, %s AS keep FROM t0) WHERE keep ORDER BY row", x.sql),
			diff: frametest.DiffOptions{Ordered: true},
		}
	})
}
