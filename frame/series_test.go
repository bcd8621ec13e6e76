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
