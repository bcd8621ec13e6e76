package duckdb

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// TestReadParquetWhere: conditions that leave row groups and rows out, and some columns only.
func TestReadParquetWhere(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		f := randomFileTable(rng, 400, false)
		x := frametest.RandomColumn(rng, "x", append(slices.Clone(frametest.NumberTypes), arrow.BinaryTypes.LargeString, arrow.FixedWidthTypes.Boolean, arrow.FixedWidthTypes.Date32,
			&arrow.TimestampType{Unit: arrow.Millisecond}, arrow.PrimitiveTypes.Int64)...)
		x.Modest = rng.IntN(2) == 0 || x.Type.ID() == arrow.DATE32 || x.Type.ID() == arrow.TIMESTAMP
		if x.Type.ID() == arrow.INT64 && rng.IntN(2) == 0 {
			x.Shape, x.Nulls = frametest.Rising, 0 // row groups of different values
		}
		f.Columns = append(f.Columns, x)
		o := frame.ParquetReadOptions{}
		var where []string
		for range 1 + rng.IntN(2) {
			p, sql := randomPredicate(rng, x)
			o.Where, where = append(o.Where, p), append(where, sql)
		}
		columns, sql := names(f.Spec), "*"
		if rng.IntN(2) == 0 {
			rng.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
			o.Columns = columns[:1+rng.IntN(len(columns))] // with or without x
			sql = strings.Join(o.Columns, ", ")
		}
		path, ranks, group := filepath.Join(t.TempDir(), "x"), 1+rng.IntN(3), []int{1, 10, 100}[rng.IntN(3)]
		f.saved(t, ranks, func(c collective.Comm, t *frame.Table) error {
			return frame.WriteParquet(c, t, path, frame.ParquetWriteOptions{RowGroup: group})
		})
		return question{
			tables: []frametest.Spec{f.Spec},
			text:   fmt.Sprintf("read row groups of %d rows: %+v", group, o),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				o := o
				o.Memory = in[0].Memory()
				out, _, err := frame.ReadParquet(c, []string{path}, o)
				return out, err
			},
			sql:  fmt.Sprintf("SELECT %s FROM t0 WHERE %s ORDER BY rowid", sql, strings.Join(where, " AND ")),
			diff: frametest.DiffOptions{Ordered: true},
		}
	})
}

// randomPredicate is a condition of column x, and the query's. A NaN satisfies only !=; in DuckDB it is above all numbers.
func randomPredicate(rng *rand.Rand, x frametest.Column) (frame.Predicate, string) {
	p := frame.Predicate{Column: x.Name, Op: []string{"=", "!=", "<", "<=", ">", ">="}[rng.IntN(6)]}
	if x.Type.ID() == arrow.BOOL {
		p.Op = []string{"=", "!="}[rng.IntN(2)] // false is not below true
	}
	sql := fmt.Sprintf("x %s ", p.Op)
	n := rng.Int64N(401) - 200
	switch id := x.Type.ID(); {
	case arrow.IsFloating(id):
		v := []float64{0, 1, -1.5, float64(n), 0.1}[rng.IntN(5)]
		p.Value = v
		if sql = fmt.Sprintf("NOT isnan(x) AND x::DOUBLE %s %v::DOUBLE", p.Op, v); p.Op == "!=" {
			sql = "(isnan(x) OR " + strings.TrimPrefix(sql, "NOT isnan(x) AND ") + ")"
		}
		return p, sql
	case id == arrow.LARGE_STRING:
		v := []string{"", "a", "prefix__", "station-5", "ü"}[rng.IntN(5)]
		p.Value, sql = v, sql+"'"+v+"'"
	case id == arrow.BOOL:
		v := rng.IntN(2) == 0
		p.Value, sql = v, sql+fmt.Sprint(v)
	case id == arrow.DATE32:
		p.Value, sql = time.Unix(n*86400, 0).UTC(), sql+fmt.Sprint(n)
	case id == arrow.TIMESTAMP:
		p.Value, sql = time.UnixMilli(n).UTC(), sql+fmt.Sprint(n)
	default:
		if arrow.IsUnsignedInteger(id) {
			n = max(n, -n)
		}
		p.Value, sql = n, sql+fmt.Sprint(n)
		if rng.IntN(3) == 0 {
			p.Value = int(n)
		}
	}
	return p, sql
}
