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

// TestPartitionBy: the rows stay the same, and those with equal keys are on one rank.
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
				out, err := frame.PartitionBy(c, in[0], keys...)
				if err != nil {
					return nil, err
				}
				if err := together(c, out, keys); err != nil {
					out.Release()
					return nil, err
				}
				return out, nil
			},
			sql: "SELECT * FROM t0",
		}
	})
}

// together is an error if rows with equal keys are on several ranks; collective.
func together(c collective.Comm, t *frame.Table, keys []string) error {
	if len(keys) == 0 {
		if c.Rank() > 0 && t.NumRows() > 0 {
			return fmt.Errorf("rank %d has rows, though there are no keys", c.Rank())
		}
		return nil
	}
	whole, err := frame.Unique(c, t, keys...)
	if err != nil {
		return err
	}
	defer whole.Release()
	mine, err := frame.Unique(collective.Local(1)[0], t, keys...)
	if err != nil {
		return err
	}
	defer mine.Release()
	n := []int64{int64(whole.NumRows()), int64(mine.NumRows())}
	if err := collective.AllReduce(c, n, collective.Sum); err != nil {
		return err
	}
	if n[0] != n[1] {
		return fmt.Errorf("the ranks have %d keys together, of which %d are different", n[1], n[0])
	}
	return nil
}

// TestPartitionByRange: the rows stay the same, those with equal keys are on one rank, and sorting each rank's rows sorts all.
func TestPartitionByRange(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		var keys []frame.SortKey
		var columns, by []string
		for _, i := range rng.Perm(len(s.Columns))[:min(len(s.Columns), 1+rng.IntN(3))] {
			name := s.Columns[i].Name
			keys, columns, by = append(keys, frame.SortKey{Column: name}), append(columns, name), append(by, as("t0", name)+" ASC NULLS LAST")
		}
		return question{
			tables: []frametest.Spec{s},
			text:   fmt.Sprintf("partition by range of %q", columns),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				out, err := frame.PartitionByRange(c, in[0], keys)
				if err != nil {
					return nil, err
				}
				defer out.Release()
				if err := together(c, out, columns); err != nil {
					return nil, err
				}
				return frame.Sort(collective.Local(1)[0], out, keys...)
			},
			sql:  "SELECT * FROM t0 ORDER BY " + strings.Join(by, ", ") + ", rowid",
			diff: frametest.DiffOptions{Ordered: true, Inexact: columns}, // of −0 in a key DuckDB makes 0
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
