package frame

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

var typesOfTest = map[string]arrow.DataType{
	"i64": arrow.PrimitiveTypes.Int64, "i32": arrow.PrimitiveTypes.Int32, "u64": arrow.PrimitiveTypes.Uint64, "f64": arrow.PrimitiveTypes.Float64,
	"f32": arrow.PrimitiveTypes.Float32, "s": arrow.BinaryTypes.LargeString, "b": arrow.FixedWidthTypes.Boolean,
	"d32": arrow.FixedWidthTypes.Date32, "d64": arrow.FixedWidthTypes.Date64, "us": &arrow.TimestampType{Unit: arrow.Microsecond},
	"sec": &arrow.TimestampType{Unit: arrow.Second}, "ns": &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Berlin"},
}

// record reads "g s, t d32, x f64" and rows of cells, "a 2020-01-01 1; a 2020-01-02 -"; - is missing.
func record(columns, rows string) arrow.Record {
	var fields []arrow.Field
	for _, c := range strings.Split(columns, ", ") {
		name, typ, _ := strings.Cut(c, " ")
		fields = append(fields, arrow.Field{Name: name, Type: typesOfTest[typ], Nullable: true})
	}
	b := array.NewRecordBuilder((*Memory)(nil), arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range strings.Split(rows, ";") {
		for i, cell := range strings.Fields(row) {
			if cell == "-" {
				b.Field(i).AppendNull()
			} else if err := b.Field(i).AppendValueFromString(cell); err != nil {
				panic(err)
			}
		}
	}
	return b.NewRecord()
}

// printed are rows as record reads them.
func printed(rows []string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		cells := strings.Split(r, " | ")
		for k, c := range cells {
			cells[k] = strings.ReplaceAll(strings.ReplaceAll(c, " ", "T"), array.NullValueStr, "-")
		}
		out[i] = strings.Join(cells, " ")
	}
	return out
}

// wantRows runs op on parts of rec on 1, 2, 3 and 5 ranks and wants rows, "a 1; b 2": in this order on
// one rank, in any on others unless ordered.
func wantRows(t *testing.T, what string, rec arrow.Record, rows string, ordered bool, op func(c collective.Comm, t *Table) (*Table, error)) {
	t.Helper()
	want := strings.Split(rows, ";")
	for i := range want {
		want[i] = strings.Join(strings.Fields(want[i]), " ")
	}
	if strings.TrimSpace(rows) == "" {
		want = nil
	}
	for seed := range uint64(3) {
		for n, got := range onRanks(t, seed, []arrow.Record{rec}, func(c collective.Comm, tabs []*Table) (*Table, error) { return op(c, tabs[0]) }) {
			got, want := printed(got), slices.Clone(want)
			if n > 1 && !ordered {
				slices.Sort(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s, seed %d, %d ranks:\n%s\nwant\n%s", what, seed, n, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// wantError runs op on one and on three ranks and wants all ranks to return the error.
func wantError(t *testing.T, rec arrow.Record, want string, op func(c collective.Comm, t *Table) (*Table, error)) {
	t.Helper()
	for _, n := range []int{1, 3} {
		errs := make([]error, n)
		if err := collective.RunLocal(n, func(c collective.Comm) error {
			tab := cut(c, checked(t), rec, 1)
			defer tab.Release()
			out, err := op(c, tab)
			if out != nil {
				out.Release()
			}
			errs[c.Rank()] = err
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for r, err := range errs {
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("rank %d of %d: got error %v\nwant %s", r, n, err, want)
			}
		}
	}
}

// TestSeriesNoRows runs every operator on tables without rows.
func TestSeriesNoRows(t *testing.T) {
	rec := record("g s, t d32, x f64, i i32, fit b", "a 2020-01-01 1 1 true").NewSlice(0, 0)
	by := []string{"g"}
	sum := Agg{Column: "x", Func: "sum"}
	for name, c := range map[string]struct {
		rows int // of the result, on each rank
		op   func(c collective.Comm, t *Table) (*Table, error)
	}{
		"rolling": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Rolling(c, t, by, "t", RollingAgg{Agg: sum}, RollingAgg{Agg: Agg{Column: "x", Func: "median"}, Rows: 3}, RollingAgg{Agg: Agg{Column: "g", Func: "max"}, Span: "3d"})
		}},
		"resample": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Resample(c, t, by, "t", ResampleOptions{Every: "1mo", Aggs: []Agg{sum}, Gaps: true})
		}},
		"fill": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Fill(c, t, by, "t", FillOptions{Columns: []string{"x"}, Method: "linear"})
		}},
		"constant": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Fill(c, t, nil, "", FillOptions{Columns: []string{"x"}, Method: "constant", Value: 1.})
		}},
		"scaler of series": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return FitScaler(c, t, ScalerOptions{Columns: []string{"x"}, Method: "robust", By: by})
		}},
		"fourier": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Fourier(c, t, "t", Cycle{Period: "year", Harmonics: 2})
		}},
		"split": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Split(c, t, by, "t", SplitOptions{Steps: []int{1, 2, 3}})
		}},
		"as-of join": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return AsOf(c, t, t, AsOfOptions{On: "t", By: by})
		}},
		"as-of join without keys": {0, func(c collective.Comm, t *Table) (*Table, error) { return AsOf(c, t, t, AsOfOptions{On: "t"}) }},
		"pivot": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Pivot(c, t, PivotOptions{Index: by, Columns: "i", Values: "x"})
		}},
		"melt": {0, func(c collective.Comm, t *Table) (*Table, error) {
			return Melt(c, t, MeltOptions{Values: []string{"x"}})
		}},
		"describe": {5, Describe},
		"aggregate": {1, func(c collective.Comm, t *Table) (*Table, error) {
			return ScalarAggregate(c, t, sum, Agg{Column: "g", Func: "min"}, Agg{Column: "g", Func: "count_distinct"}, Agg{Column: "i", Func: "sum"}, Agg{Column: "i", Func: "median"})
		}},
	} {
		for n, got := range onRanks(t, 0, []arrow.Record{rec}, func(c0 collective.Comm, tabs []*Table) (*Table, error) { return c.op(c0, tabs[0]) }) {
			if len(got) != n*c.rows {
				t.Errorf("%s on %d ranks: %d rows, want %d", name, n, len(got), n*c.rows)
			}
		}
	}
}
