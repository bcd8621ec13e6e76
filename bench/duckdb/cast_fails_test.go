package duckdb

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// fits is a condition of SQL: a number x loses nothing in another type, where only float64 may be rounded to float32.
func fits(from, to arrow.DataType) string {
	float := arrow.IsFloating(from.ID())
	cast := fmt.Sprintf("TRY_CAST(x AS %s)", duckTypes[to.ID()])
	switch {
	case to.ID() == arrow.BOOL:
		return "x IN (0, 1)"
	case arrow.IsFloating(to.ID()) && float:
		return fmt.Sprintf("(NOT isfinite(x) OR isfinite(%s))", cast)
	case arrow.IsFloating(to.ID()):
		return cast + "::HUGEINT = x::HUGEINT"
	case float: // DuckDB rounds; a cast may round up out of the type's range
		return fmt.Sprintf("isfinite(x) AND x = trunc(x) AND %s IS NOT NULL", cast)
	}
	return cast + " IS NOT NULL"
}

var badRow = regexp.MustCompile(`row (\d+) of the table`)

// TestCastFails: a cast of numbers of any size fails at the first row whose cell would lose something, and only then.
func TestCastFails(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	types := append([]arrow.DataType{arrow.FixedWidthTypes.Boolean}, frametest.NumberTypes...)
	holds(t, func(rng *rand.Rand) question {
		x := frametest.RandomColumn(rng, "x", frametest.NumberTypes...)
		x.Modest = rng.IntN(2) == 0 // else huge values come early
		to := types[rng.IntN(len(types))]
		return question{
			tables: []frametest.Spec{{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 100), Columns: []frametest.Column{x}}},
			text:   fmt.Sprintf("cast x from %s to %s: the row that does not fit", x.Type, to),
			op: func(c collective.Comm, in []*frame.Table) (*frame.Table, error) {
				row := int64(-1)
				out, err := frame.Cast(c, in[0], "x", to)
				if err == nil {
					out.Release()
				} else if at := badRow.FindStringSubmatch(err.Error()); at == nil {
					return nil, err
				} else if row, err = strconv.ParseInt(at[1], 10, 64); err != nil {
					return nil, err
				}
				b := array.NewRecordBuilder(in[0].Memory(), schema)
				defer b.Release()
				if c.Rank() == 0 {
					b.Field(0).(*array.Int64Builder).Append(row)
				}
				return frame.NewTable(in[0].Memory(), schema, b.NewRecord())
			},
			sql: fmt.Sprintf("SELECT coalesce(min(rowid), -1) FROM t0 WHERE x IS NOT NULL AND NOT (%s)", fits(x.Type, to)),
		}
	})
}
