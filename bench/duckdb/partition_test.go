package duckdb

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// TestPartitionBy: the rows stay the same.
func TestPartitionBy(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		var keys []string
		for _, i := range rng.Perm(len(s.Columns))[:rng.IntN(len(s.Columns)+1)] {
			keys = append(keys, s.Columns[i].Name)
		}
		return question{
			tables: []frametest.Spec{s},
			text:   fmt.Sprintf("partition by %q", keys),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.PartitionBy(c, in[0], keys...)
			},
			sql: "SELECT * FROM t0",
		}
	})
}

// TestRepartition: the rows stay the same, in order, and every rank has its share.
func TestRepartition(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		return question{
			tables: []frametest.Spec{s},
			text:   "repartition",
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				out, err := frame.Repartition(c, in[0])
				if err != nil {
					return nil, err
				}
				if lo, hi := collective.Share(s.Rows, c.Rank(), c.Size()); out.NumRows() != hi-lo {
					err = fmt.Errorf("rank %d has %d rows, want %d", c.Rank(), out.NumRows(), hi-lo)
				}
				if err = collective.Agree(c, err); err != nil {
					out.Release()
					return nil, err
				}
				return out, nil
			},
			sql:  "SELECT * FROM t0 ORDER BY rowid",
			diff: frametest.DiffOptions{Ordered: true},
		}
	})
}
