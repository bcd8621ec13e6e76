package duckdb

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// TestSame sends tables of every type to DuckDB and back, whole and in order: what other
// tests find is then due to operators.
func TestSame(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		s := frametest.Spec{Seed: rng.Uint64(), Rows: frametest.RandomRows(rng, 300)}
		for i, typ := range frametest.Types {
			s.Columns = append(s.Columns, frametest.RandomColumn(rng, fmt.Sprint("c", i), typ))
		}
		return question{
			tables: []frametest.Spec{s},
			text:   "the same table",
			op:     func(_ collective.Comm, in []*frame.Table) (*frame.Table, error) { return in[0].Retain(), nil },
			sql:    "SELECT * FROM t0 ORDER BY rowid",
			diff:   frametest.DiffOptions{Ordered: true},
		}
	})
}

// TestDifferenceIsFound: a query that is not the operator's fails, on the row that differs.
func TestDifferenceIsFound(t *testing.T) {
	q := question{
		tables: []frametest.Spec{{Rows: 5, Columns: []frametest.Column{{Name: "i", Type: arrow.PrimitiveTypes.Int64, Shape: frametest.Rising, Distinct: 1}}}},
		op:     func(_ collective.Comm, in []*frame.Table) (*frame.Table, error) { return in[0].Retain(), nil },
		sql:    "SELECT CASE WHEN i = 3 THEN 7 ELSE i END FROM t0",
	}
	err := q.check(t)
	if want := "one rank against DuckDB: row 3 of 5 got and 5 wanted, sorted, differs in column \"i\":\ngot  i=3\nwant i=4\n" + q.sql; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	q.sql = "SELECT i + 0.5 FROM t0"
	if err := q.check(t); err == nil {
		t.Error("decimals pass for integers")
	}
}
