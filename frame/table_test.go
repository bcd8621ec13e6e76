package frame

import (
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// checked is memory that must all be given back when the test ends.
func checked(t testing.TB) *Memory {
	under := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { under.AssertSize(t, 0) })
	return NewMemory(MemoryOptions{Under: under, Scratch: t.TempDir()})
}

// sampleTable has three rows with a column of every kind that the readers know.
func sampleTable(mem *Memory) *Table {
	ts := func(u arrow.TimeUnit) arrow.DataType { return &arrow.TimestampType{Unit: u} }
	types := []struct {
		name string
		typ  arrow.DataType
		json string
	}{
		{"f64", arrow.PrimitiveTypes.Float64, `[1.5, null, -2]`},
		{"f32", arrow.PrimitiveTypes.Float32, `[0.25, 2, null]`},
		{"i64", arrow.PrimitiveTypes.Int64, `[1, 2, 3]`},
		{"i8", arrow.PrimitiveTypes.Int8, `[-1, 0, 1]`},
		{"u32", arrow.PrimitiveTypes.Uint32, `[4294967295, 0, 1]`},
		{"holes", arrow.PrimitiveTypes.Int64, `[1, null, null]`},
		{"s", arrow.BinaryTypes.String, `["a", null, "ü"]`},
		{"dict", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `["x", "y", "x"]`},
		{"us", ts(arrow.Microsecond), `[-1, 0, 1]`},
		{"ns", ts(arrow.Nanosecond), `[-1, 1500, 2000]`},
		{"sec", ts(arrow.Second), `[-1, 0, 2]`},
		{"day", arrow.FixedWidthTypes.Date32, `[0, 1, -1]`},
	}
	var fields []arrow.Field
	var cols []arrow.Array
	for _, c := range types {
		b := array.NewBuilder(mem, c.typ)
		if err := b.UnmarshalJSON([]byte(c.json)); err != nil {
			panic(fmt.Sprintf("%s: %v", c.name, err))
		}
		a := b.NewArray()
		b.Release()
		defer a.Release()
		fields, cols = append(fields, arrow.Field{Name: c.name, Type: c.typ, Nullable: true}), append(cols, a)
	}
	schema := arrow.NewSchema(fields, nil)
	t, err := NewTable(mem, schema, array.NewRecord(schema, cols, 3))
	if err != nil {
		panic(err)
	}
	return t
}

func TestTableReaders(t *testing.T) {
	tab := sampleTable(checked(t))
	defer tab.Release()
	read := map[string]func(string) (any, error){
		"Float64s":   func(n string) (any, error) { return tab.Float64s(n) },
		"Int64s":     func(n string) (any, error) { return tab.Int64s(n) },
		"Timestamps": func(n string) (any, error) { return tab.Timestamps(n) },
		"Strings":    func(n string) (any, error) { s, err := tab.Strings(n); return fmt.Sprintf("%q", s), err },
	}
	for _, c := range []struct{ reader, column, want, err string }{
		{"Float64s", "f64", "[1.5 NaN -2]", ""},
		{"Float64s", "f32", "[0.25 2 NaN]", ""},
		{"Float64s", "i64", "[1 2 3]", ""},
		{"Float64s", "i8", "[-1 0 1]", ""},
		{"Float64s", "u32", "[4.294967295e+09 0 1]", ""},
		{"Float64s", "holes", "[1 NaN NaN]", ""},
		{"Float64s", "s", "", `frame: column "s" is large_utf8, not a number`},
		{"Float64s", "f63", "", `frame: no column "f63"; did you mean "f64"?; columns: f64, f32, i64, i8, u32, holes, s, dict, us, ns, sec, day`},
		{"Int64s", "i64", "[1 2 3]", ""},
		{"Int64s", "u32", "[4294967295 0 1]", ""},
		{"Int64s", "holes", "", `frame: column "holes" lacks an integer in 2 rows of this rank, the first in row 1 (from 0)`},
		{"Int64s", "us", "", `frame: column "us" is timestamp[us], not an integer`},
		{"Timestamps", "us", "[-1 0 1]", ""},
		{"Timestamps", "ns", "[-1 1 2]", ""},
		{"Timestamps", "sec", "[-1000000 0 2000000]", ""},
		{"Timestamps", "day", "[0 86400000000 -86400000000]", ""},
		{"Timestamps", "i64", "", `frame: column "i64" is int64, not a time`},
		{"Strings", "s", `["a" "" "ü"]`, ""},
		{"Strings", "dict", `["x" "y" "x"]`, ""},
		{"Strings", "f64", "", `frame: column "f64" is float64, not text`},
	} {
		got, err := read[c.reader](c.column)
		if c.err != "" {
			if fmt.Sprint(err) != c.err {
				t.Errorf("%s(%s): got error %v\nwant %s", c.reader, c.column, err, c.err)
			}
		} else if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s(%s): %v, %v; want %s", c.reader, c.column, got, err, c.want)
		}
	}
	if tab.NumRows() != 3 || len(tab.Names()) != tab.Schema().NumFields() {
		t.Errorf("%d rows, %d names", tab.NumRows(), len(tab.Names()))
	}
}

// The readers' slices are copies: writing to them leaves the table as it is.
func TestTableReadersCopy(t *testing.T) {
	tab := sampleTable(nil)
	defer tab.Release()
	f, err := tab.Float64s("f64")
	if err != nil {
		t.Fatal(err)
	}
	f[0] = 99
	i, err := tab.Int64s("i64")
	if err != nil {
		t.Fatal(err)
	}
	i[0] = 99
	f, _ = tab.Float64s("f64")
	i, _ = tab.Int64s("i64")
	if f[0] != 1.5 || i[0] != 1 {
		t.Errorf("the table has changed: %v, %v", f, i)
	}
}

// A table without rows has no chunks, also after its record was looked at.
func TestRecordOfNoRows(t *testing.T) {
	for _, look := range []func(t *Table){
		func(t *Table) { t.Record() },
		func(t *Table) { t.Record(); t.Record() },
		func(t *Table) { t.Float64s("x") },
	} {
		tab := newTable(checked(t), []arrow.Field{{Name: "x", Type: arrow.BinaryTypes.LargeString, Nullable: true}}, nil, 0)
		look(tab)
		again := tab.Retain()
		if rec := tab.Record(); len(tab.Chunks()) != 0 || len(again.Chunks()) != 0 || rec.NumRows() != 0 || rec.NumCols() != 1 {
			t.Errorf("%d chunks, %d of a second reference; %v", len(tab.Chunks()), len(again.Chunks()), rec)
		}
		again.Release()
		tab.Release()
	}
}
