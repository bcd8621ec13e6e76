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

var floatTypes = []arrow.DataType{arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64}

// constants are values to fill with, the types of columns that hold them, and what the query calls them.
var constants = []struct {
	value any
	sql   string
	types []arrow.DataType
}{
	{true, "true", []arrow.DataType{arrow.FixedWidthTypes.Boolean}},
	{int64(7), "7", frametest.NumberTypes},
	{-2.5, "-2.5", floatTypes},
	{"it's", "'it''s'", []arrow.DataType{arrow.BinaryTypes.LargeString}},
}

func TestFill(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		p := randomPanel(rng, 300)
		o := frame.FillOptions{Method: []string{"forward", "backward", "linear", "constant", "mean"}[rng.IntN(5)]}
		types, sql := frametest.Types, ""
		switch o.Method {
		case "forward", "backward", "linear":
			if rng.IntN(2) == 0 {
				o.Limit = 1 + rng.IntN(4)
			}
		}
		limit := o.Limit
		if limit == 0 {
			limit = 1 << 30
		}
		// b and f are the places of the nearest cells at a row or before it, and at it or after it.
		before := "last_value(%s IGNORE NULLS) OVER (" + p.partition() + " ORDER BY o ROWS UNBOUNDED PRECEDING)"
		after := "first_value(%s IGNORE NULLS) OVER (" + p.partition() + " ORDER BY o ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
		at := func(near, what string) string {
			return fmt.Sprintf(near, fmt.Sprintf("CASE WHEN X IS NOT NULL THEN %s END", what))
		}
		switch o.Method {
		case "forward":
			sql = fmt.Sprintf("CASE WHEN o - %s <= %d THEN %s END", at(before, "o"), limit, at(before, "X"))
		case "backward":
			sql = fmt.Sprintf("CASE WHEN %s - o <= %d THEN %s END", at(after, "o"), limit, at(after, "X"))
		case "linear":
			types = floatTypes
			from, to := at(before, "X")+"::DOUBLE", at(after, "X")+"::DOUBLE"
			start, end := at(before, "t::DOUBLE"), at(after, "t::DOUBLE")
			sql = fmt.Sprintf("CASE WHEN X IS NOT NULL THEN X::DOUBLE WHEN %s - %s - 1 > %d THEN NULL WHEN %s = %s THEN %s ELSE %s + (t - %s) / (%s - %s) * (%s - %s) END",
				at(after, "o"), at(before, "o"), limit, start, end, from, from, start, end, start, to, from)
		case "constant":
			c := constants[rng.IntN(len(constants))]
			o.Value, types = c.value, c.types
			sql = fmt.Sprintf("coalesce(X, %s)", c.sql)
		case "mean":
			types = floatTypes
			where := ""
			if rng.IntN(2) == 0 {
				o.Fit, where = "fit", "FILTER (fit)"
			}
			sql = fmt.Sprintf("coalesce(X::DOUBLE, avg(X) %s OVER (%s))", where, p.partition())
		}
		for i := range 1 + rng.IntN(3) {
			v := frametest.RandomColumn(rng, fmt.Sprint("v", i), types...)
			v.Modest = o.Method == "linear" || o.Method == "mean"
			p.Columns, o.Columns = append(p.Columns, v), append(o.Columns, v.Name)
		}
		p.Columns = append(p.Columns, frametest.RandomColumn(rng, "fit", arrow.FixedWidthTypes.Boolean), frametest.RandomColumn(rng, "other", frametest.Types...))
		var cols []string
		for _, c := range p.Columns {
			if slices.Contains(o.Columns, c.Name) {
				cols = append(cols, "("+strings.ReplaceAll(sql, "X", as("t0", c.Name))+")")
			} else {
				cols = append(cols, as("t0", c.Name))
			}
		}
		time := "t"
		if o.Method == "mean" && rng.IntN(2) == 0 {
			time = ""
		}
		return question{
			tables: []frametest.Spec{p.Spec},
			text:   fmt.Sprintf("fill by %q: %+v", p.by, o),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				fill := func() (*frame.Table, error) { return frame.Fill(c, in[0], p.by, time, o) }
				if o.Method == "constant" || time == "" {
					return fill()
				}
				return inSeries(c, fill, p.by)
			},
			sql:  fmt.Sprintf("SELECT %s FROM %s", strings.Join(cols, ", "), p.ordered()),
			diff: frametest.DiffOptions{Inexact: slices.Concat(p.by, o.Columns), Tolerance: 1e-6, Absolute: 1e-9},
		}
	})
}
