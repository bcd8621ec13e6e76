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

// aggregateOf draws an aggregate of a new column of the panel, named v0, v1 …; its cells are X of sql, in which
// the rows' order is that of o.
func (p *panel) aggregateOf(rng *rand.Rand, not ...string) (a frame.Agg, sql string) {
	types, funcs := frametest.Types, ofAnyType
	if rng.IntN(2) == 0 {
		types, funcs = append(slices.Clone(frametest.NumberTypes), arrow.FixedWidthTypes.Boolean), slices.Concat(ofAnyType, ofNumbers, ofNumbers)
	}
	c := frametest.RandomColumn(rng, fmt.Sprint("v", len(p.Columns)), types...)
	for a.Func = funcs[rng.IntN(len(funcs))]; slices.Contains(not, a.Func); a.Func = funcs[rng.IntN(len(funcs))] {
	}
	a.Column, a.As = c.Name, a.Func+" "+c.Name
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
	p.Columns = append(p.Columns, c)
	return a, strings.NewReplacer("X", at, "Q", fmt.Sprint(a.Q), "rowid", "o").Replace(aggregateSQL[a.Func])
}

func TestRolling(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		p := randomPanel(rng, 300)
		var aggs []frame.RollingAgg
		var cols, windows []string
		for i := range 1 + rng.IntN(4) {
			a, sql := p.aggregateOf(rng, "count_distinct")
			g := frame.RollingAgg{Agg: a}
			var rows string // a row's window
			switch center := rng.IntN(3) == 0; rng.IntN(3) {
			case 0:
				rows = "ORDER BY o ROWS UNBOUNDED PRECEDING"
			case 1:
				g.Rows, g.Center = 1+rng.IntN(6), center
				after := 0
				if center {
					after = (g.Rows - 1) / 2
				}
				rows = fmt.Sprintf("ORDER BY o ROWS BETWEEN %d PRECEDING AND %d FOLLOWING", g.Rows-1-after, after)
			default:
				var span, after int64
				g.Span, span = p.span(1 + rng.Int64N(50))
				if g.Center = center; center {
					after = span / 2
				}
				rows = fmt.Sprintf("ORDER BY t RANGE BETWEEN %d PRECEDING AND %d FOLLOWING", span-after-1, after)
			}
			if g.MinPeriods = rng.IntN(4); g.Rows > 0 {
				g.MinPeriods = min(g.MinPeriods, g.Rows)
			}
			over := fmt.Sprintf(" OVER w%d", i)
			windows = append(windows, fmt.Sprintf("w%d AS (%s %s)", i, p.partition(), rows))
			if sql += over; g.Func != "count" {
				sql = fmt.Sprintf("CASE WHEN count(%s)%s >= %d THEN %s END", as("t0", g.Column), over, g.MinPeriods, sql)
			}
			aggs, cols = append(aggs, g), append(cols, sql)
		}
		return question{
			tables: []frametest.Spec{p.Spec},
			text:   fmt.Sprintf("rolling by %q: %+v", p.by, aggs),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return inSeries(c, func() (*frame.Table, error) { return frame.Rolling(c, in[0], p.by, "t", aggs...) }, p.by)
			},
			sql:  fmt.Sprintf("SELECT t0.* EXCLUDE (o, id), %s FROM %s WINDOW %s", strings.Join(cols, ", "), p.ordered(), strings.Join(windows, ", ")),
			diff: frametest.DiffOptions{Inexact: slices.Concat(p.by, namesOf(aggs)), Tolerance: 1e-9},
		}
	})
}

func namesOf(aggs []frame.RollingAgg) (names []string) {
	for _, a := range aggs {
		names = append(names, a.As)
	}
	return names
}

// inSeries is the result of an operator that orders rows by series and time on each rank and keeps series whole; else an error.
func inSeries(c collective.Comm, op func() (*frame.Table, error), by []string) (*frame.Table, error) {
	out, err := op()
	if err != nil {
		return nil, err
	}
	if err := together(c, out, by); err != nil {
		out.Release()
		return nil, err
	}
	var keys []frame.SortKey
	for _, k := range append(slices.Clone(by), "t") {
		keys = append(keys, frame.SortKey{Column: k})
	}
	sorted, err := frame.Sort(collective.Local(1)[0], out, keys...)
	if err == nil {
		defer sorted.Release()
		err = frametest.Diff(out, sorted, frametest.DiffOptions{Ordered: true})
	}
	if err := collective.Agree(c, err); err != nil {
		out.Release()
		return nil, fmt.Errorf("not in the order of series and time: %w", err)
	}
	return out, nil
}
