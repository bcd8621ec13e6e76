package duckdb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// onRank is a small table that all ranks have, of one of them.
func onRank(c collective.Comm, rank int, all *frame.Table, err error) (*frame.Table, error) {
	if err != nil {
		return nil, err
	}
	if c.Rank() == rank {
		return all, nil
	}
	defer all.Release()
	return frame.Head(collective.Local(1)[0], all, 0)
}

func TestScalarAggregate(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		p := panel{Spec: frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 400)}}
		var aggs []frame.Agg
		var cols, names []string
		for range 1 + rng.IntN(6) {
			a, sql := p.aggregateOf(rng)
			aggs, names, cols = append(aggs, a), append(names, a.As), append(cols, strings.ReplaceAll(sql, ", o)", ", rowid)"))
		}
		return question{
			tables: []frametest.Spec{p.Spec},
			text:   fmt.Sprintf("aggregate %+v", aggs),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				out, err := frame.ScalarAggregate(c, in[0], aggs...)
				return onRank(c, len(aggs)%c.Size(), out, err)
			},
			sql:  fmt.Sprintf("SELECT %s FROM t0", strings.Join(cols, ", ")),
			diff: frametest.DiffOptions{Inexact: names, Tolerance: 1e-9},
		}
	})
}

func TestDescribe(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 300)}
		types := append(slices.Clone(frametest.NumberTypes), arrow.FixedWidthTypes.Boolean, arrow.BinaryTypes.LargeString)
		var parts []string
		for i := range 1 + rng.IntN(5) {
			c := frametest.RandomColumn(rng, fmt.Sprint("c", i), types...)
			c.Modest = true
			s.Columns = append(s.Columns, c)
			at := as("t0", c.Name)
			number, text := at+"::DOUBLE", at
			switch id := c.Type.ID(); {
			case id == arrow.LARGE_STRING:
				number = "NULL::DOUBLE"
			case id == arrow.BOOL:
				number = at + "::INT::DOUBLE"
			case arrow.IsFloating(id):
				text = at + "::BIGINT" // whole numbers print as such
			}
			parts = append(parts, fmt.Sprintf("SELECT '%s', '%s', count(%s), count(*) - count(%s), count(DISTINCT %s), avg(%s), stddev_samp(%s), min(%s)::VARCHAR, "+
				"quantile_cont(%s, 0.25), quantile_cont(%s, 0.5), quantile_cont(%s, 0.75), max(%s)::VARCHAR FROM t0",
				c.Name, c.Type, at, at, at, number, number, text, number, number, number, text))
		}
		return question{
			tables: []frametest.Spec{s},
			text:   "describe",
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				out, err := frame.Describe(c, in[0])
				return onRank(c, len(s.Columns)%c.Size(), out, err)
			},
			sql:  strings.Join(parts, " UNION ALL "),
			diff: frametest.DiffOptions{Inexact: []string{"mean", "std", "q25", "median", "q75"}, Tolerance: 1e-9, Absolute: 1e-9},
		}
	})
}

func TestReplicate(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 300)
		return question{
			tables: []frametest.Spec{s},
			text:   "replicate",
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				out, err := frame.Replicate(c, in[0])
				return onRank(c, s.Rows%c.Size(), out, err)
			},
			sql:  "SELECT * FROM t0 ORDER BY rowid",
			diff: frametest.DiffOptions{Ordered: true},
		}
	})
}
