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

// aggregateSQL is the query's aggregates of cells X; Q is the quantile.
var aggregateSQL = map[string]string{
	"count":          "count(X)",
	"count_distinct": "count(DISTINCT X)",
	"min":            "min(X)",
	"max":            "max(X)",
	"first":          "arg_min(X, rowid)",
	"last":           "arg_max(X, rowid)",
	"sum":            "sum(X)",
	"mean":           "avg(X)",
	"var":            "var_samp(X)",
	"std":            "stddev_samp(X)",
	"median":         "quantile_cont(X::DOUBLE, 0.5)",
	"quantile":       "quantile_cont(X::DOUBLE, Q)",
}

var (
	ofAnyType = []string{"count", "count_distinct", "min", "max", "first", "last"}
	ofNumbers = []string{"sum", "mean", "var", "std", "median", "quantile"}
)

func TestGroupBy(t *testing.T) { holds(t, randomGroupBy) }

func randomGroupBy(rng *rand.Rand) question {
	s := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 400)}
	var keys, cols, by []string
	for i := range 1 + rng.IntN(3) {
		c := frametest.RandomColumn(rng, fmt.Sprint("k", i), frametest.Types...)
		s.Columns, keys, by = append(s.Columns, c), append(keys, c.Name), append(by, as("t0", c.Name))
	}
	cols = slices.Clone(by)
	inexact := slices.Clone(keys) // 0 and −0 are one key; of −0 DuckDB's arg_min makes 0
	var aggs []frame.Agg
	for i := range rng.IntN(5) {
		types, funcs := frametest.Types, slices.Clone(ofAnyType)
		if rng.IntN(2) == 0 {
			types, funcs = append(slices.Clone(frametest.NumberTypes), arrow.FixedWidthTypes.Boolean), slices.Concat(ofAnyType, ofNumbers, ofNumbers)
		}
		c := frametest.RandomColumn(rng, fmt.Sprint("v", i), types...)
		if c.Unbound = rng.IntN(4) == 0; c.Unbound { // where a cell is infinite, DuckDB has an error for a deviation
			funcs = slices.DeleteFunc(funcs, func(f string) bool { return f == "var" || f == "std" })
		}
		for range 1 + rng.IntN(4) {
			a := frame.Agg{Column: c.Name, Func: funcs[rng.IntN(len(funcs))]}
			a.As = fmt.Sprintf("%s %s %d", a.Func, c.Name, len(aggs))
			at := as("t0", c.Name)
			if slices.Contains(ofNumbers, a.Func) {
				c.Modest = true // the order of adding cannot matter, and no sum leaves 64 bits
				if c.Type.ID() == arrow.BOOL {
					at += "::INT"
				}
			}
			if a.Func == "quantile" {
				a.Q = []float64{0, 1, 0.5, 0.25, rng.Float64()}[rng.IntN(5)]
			}
			inexact = append(inexact, a.As)
			aggs, cols = append(aggs, a), append(cols, strings.NewReplacer("X", at, "Q", fmt.Sprint(a.Q)).Replace(aggregateSQL[a.Func]))
		}
		s.Columns = append(s.Columns, c)
	}
	rng.Shuffle(len(s.Columns), func(i, j int) { s.Columns[i], s.Columns[j] = s.Columns[j], s.Columns[i] })
	return question{
		tables: []frametest.Spec{s},
		text:   fmt.Sprintf("group by %q: %+v", keys, aggs),
		op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
			return frame.GroupBy(c, in[0], keys, aggs...)
		},
		sql:  fmt.Sprintf("SELECT %s FROM t0 GROUP BY %s", strings.Join(cols, ", "), strings.Join(by, ", ")),
		diff: frametest.DiffOptions{Inexact: inexact, Tolerance: 1e-9},
	}
}
