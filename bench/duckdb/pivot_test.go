package duckdb

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

func TestPivot(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 200)}
		var index, inexact, cols []string
		for i := range 1 + rng.IntN(2) {
			c := frametest.RandomColumn(rng, fmt.Sprint("k", i), frametest.KeyTypes...)
			s.Columns, index, cols = append(s.Columns, c), append(index, c.Name), append(cols, as("t0", c.Name))
		}
		inexact = slices.Clone(index)
		names := frametest.RandomColumn(rng, "name", arrow.BinaryTypes.LargeString, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Uint64, arrow.FixedWidthTypes.Boolean)
		names.Nulls, names.Distinct = 0, min(names.Distinct, 8)
		p := panel{Spec: s} // for its aggregates
		a, sql := p.aggregateOf(rng)
		s.Columns = append(p.Columns, names)
		rng.Shuffle(len(s.Columns), func(i, j int) { s.Columns[i], s.Columns[j] = s.Columns[j], s.Columns[i] })
		sql = strings.ReplaceAll(sql, ", o)", ", rowid)")
		for _, n := range differentCells(s, "name") {
			cols = append(cols, fmt.Sprintf("CASE WHEN count(*) FILTER (%s) > 0 THEN %s FILTER (%s) END", n.sql, sql, n.sql))
			inexact = append(inexact, n.text)
		}
		o := frame.PivotOptions{Index: index, Columns: "name", Values: a.Column, Func: a.Func, Q: a.Q}
		if a.Func == "first" && rng.IntN(2) == 0 {
			o.Func = ""
		}
		return question{
			tables: []frametest.Spec{s},
			text:   fmt.Sprintf("pivot %+v", o),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				return frame.Pivot(c, in[0], o)
			},
			sql:  fmt.Sprintf("SELECT %s FROM t0 GROUP BY %s", strings.Join(cols, ", "), strings.Join(cols[:len(index)], ", ")),
			diff: frametest.DiffOptions{Inexact: inexact, Tolerance: 1e-9},
		}
	})
}

// named is a cell: as it prints, and the query's condition for it.
type named struct{ text, sql string }

// differentCells are those of a column of text, integers or booleans, in order.
func differentCells(s frametest.Spec, column string) (names []named) {
	rec := s.Record(memory.DefaultAllocator)
	a := rec.Column(rec.Schema().FieldIndices(column)[0])
	for i := range a.Len() {
		n := named{text: a.ValueStr(i), sql: fmt.Sprintf(`"%s" = %s`, column, a.ValueStr(i))}
		if _, ok := a.(*array.LargeString); ok {
			n.sql = fmt.Sprintf(`"%s" = decode(from_hex('%x'))`, column, n.text)
		}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b named) int {
		if arrow.IsInteger(rec.Column(rec.Schema().FieldIndices(column)[0]).DataType().ID()) {
			return cmp.Compare(number64(a.text), number64(b.text))
		}
		return strings.Compare(a.text, b.text)
	})
	return names
}

// number64 orders integers, but for those that float64 rounds together.
func number64(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return f
}

func TestMelt(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := randomTable(rng, 200)
		var o frame.MeltOptions
		ids := ""
		for i, c := range s.Columns {
			if s.Columns[i].Name = "id " + c.Name; i < 2 || rng.IntN(2) == 0 {
				o.ID, ids = append(o.ID, s.Columns[i].Name), ids+as("t0", s.Columns[i].Name)+", "
			}
		}
		first := frametest.RandomColumn(rng, "x0", frametest.Types...)
		var parts []string
		for i := range 1 + rng.IntN(4) {
			c := frametest.RandomColumn(rng, fmt.Sprint("x", i), first.Type)
			s.Columns, o.Values = append(s.Columns, c), append(o.Values, c.Name)
		}
		if rng.IntN(3) == 0 {
			o.Variable, o.Value = "which", "cell"
		}
		rng.Shuffle(len(o.Values), func(i, j int) { o.Values[i], o.Values[j] = o.Values[j], o.Values[i] })
		for i, n := range o.Values {
			parts = append(parts, fmt.Sprintf("SELECT %s '%s' AS variable, %s AS value, rowid AS r, %d AS i FROM t0", ids, n, as("t0", n), i))
		}
		return question{
			tables: []frametest.Spec{s},
			text:   fmt.Sprintf("melt %+v", o),
			op:     func(c collective.Comm, in []*frame.Table) (*frame.Table, error) { return frame.Melt(c, in[0], o) },
			sql:    fmt.Sprintf("SELECT * EXCLUDE (r, i) FROM (%s) ORDER BY r, i", strings.Join(parts, " UNION ALL ")),
			diff:   frametest.DiffOptions{Ordered: true},
		}
	})
}
