package frame

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"

	"deeprc/collective"
)

// oneColumn is a table of a column a with the given cells as of array.Builder.UnmarshalJSON.
func oneColumn(t testing.TB, m *Memory, typ Type, cells string) *Table {
	b := array.NewBuilder(m, typ)
	defer b.Release()
	if err := b.UnmarshalJSON([]byte(cells)); err != nil {
		t.Fatal(err)
	}
	a := b.NewArray()
	return newTable(m, []arrow.Field{{Name: "a", Type: typ, Nullable: true}}, []arrow.Array{a}, a.Len())
}

func TestTextCells(t *testing.T) {
	for _, c := range []struct{ typ, cells, csv, json string }{
		{"bool", `[true, null, false]`, `true "" false`, `true null false`},
		{"int8", `[-128, 127]`, `-128 127`, `-128 127`},
		{"uint8", `[255]`, `255`, `255`},
		{"int16", `[-32768]`, `-32768`, `-32768`},
		{"uint16", `[65535]`, `65535`, `65535`},
		{"int32", `[-2147483648]`, `-2147483648`, `-2147483648`},
		{"uint32", `[4294967295]`, `4294967295`, `4294967295`},
		{"int64", `[-9223372036854775808]`, `-9223372036854775808`, `-9223372036854775808`},
		{"uint64", `["18446744073709551615"]`, `18446744073709551615`, `18446744073709551615`},
		{"float32", `[0.1, -0, 3e38]`, `0.1 -0 3e+38`, `0.1 -0 3e+38`},
		{"float64", `[0.1, 1e21, 12345678]`, `0.1 1e+21 1.2345678e+07`, `0.1 1e+21 1.2345678e+07`},
		{"string", `["", "a,b", "q\"", "x_y", null]`, `"" "a,b" "q""" x_y ""`, `"" "a,b" "q\"" "x_y" null`},
		{"date", `["2000-02-29", "1969-12-31", "0000-01-01", "9999-12-31"]`, `2000-02-29 1969-12-31 0000-01-01 9999-12-31`, `"2000-02-29" "1969-12-31" "0000-01-01" "9999-12-31"`},
		{"date64", `["2000-02-29", "1969-12-31"]`, `2000-02-29 1969-12-31`, `"2000-02-29" "1969-12-31"`},
		{"timestamp[s]", `["1969-12-31T23:59:59"]`, `1969-12-31_23:59:59`, `"1969-12-31T23:59:59"`},
		{"timestamp", `["2000-01-01T00:00:00.000010"]`, `2000-01-01_00:00:00.000010`, `"2000-01-01T00:00:00.000010"`},
		{"timestamp[ns]", `["2000-01-01T00:00:00.000000001"]`, `2000-01-01_00:00:00.000000001`, `"2000-01-01T00:00:00.000000001"`},
		{"timestamp[ms, Europe/Berlin]", `["2000-01-01T00:00:00.5+01:00"]`, `1999-12-31_23:00:00.500Z`, `"1999-12-31T23:00:00.500Z"`},
		{"time32[s]", `["23:59:01"]`, `23:59:01`, `"23:59:01"`},
		{"time64[ns]", `["00:00:00.000000002"]`, `00:00:00.000000002`, `"00:00:00.000000002"`},
	} {
		typ, err := ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		tab := oneColumn(t, checked(t), typ, c.cells)
		for _, s := range []struct {
			style      textStyle
			head, want string
		}{{newCSVStyle(tab.schema, 0), "", c.csv}, {newJSONStyle(tab.schema), `{"a":`, c.json}} {
			e := textEncoder{style: s.style}
			b, err := e.append(nil, tab.Record(), 0, tab.rows)
			got := strings.ReplaceAll(strings.TrimSuffix(string(b), "\n"), " ", "_")
			if s.head != "" {
				got = strings.ReplaceAll(strings.ReplaceAll(got, "}\n", "\n"), s.head, "")
				got = strings.TrimSuffix(got, "}")
			}
			if got = strings.ReplaceAll(got, "\n", " "); err != nil || got != s.want {
				t.Errorf("%s: %s, %v; want %s", c.typ, got, err, s.want)
			}
		}
		tab.Release()
	}
}

func TestAppendDate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	lo, hi := daysTo(0, 1, 1), daysTo(9999, 12, 31)
	for range 10000 {
		d := lo + r.Int64N(hi-lo+1)
		if got, want := string(appendDate(nil, d)), time.Unix(d*secPerDay, 0).UTC().Format("2006-01-02"); got != want {
			t.Fatalf("day %d is %s, want %s", d, got, want)
		}
	}
}

// writtenTable is a rank's part of a table with a column of every type that text holds.
func writtenTable(m *Memory, seed uint64, rank int) *Table {
	r := rand.New(rand.NewPCG(seed, uint64(rank)))
	rows := []int{0, 1, 7, 2500, 40000}[r.IntN(5)]
	if rank == 1 {
		rows = 0
	}
	var fields []arrow.Field
	for _, n := range []string{"bool", "int8", "uint16", "int64", "uint64", "float32", "float64", "string", "date", "timestamp", "timestamp[s]",
		"timestamp[ns, UTC]", "time32[ms]", "time64[us]", "duration[ms]", "decimal(20, 3)"} {
		typ, err := ParseType(n)
		if err != nil {
			panic(err)
		}
		fields = append(fields, arrow.Field{Name: n, Type: typ, Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(m, schema)
	defer b.Release()
	for range rows {
		for i := range fields {
			if r.IntN(5) == 0 {
				b.Field(i).AppendNull()
				continue
			}
			switch f := b.Field(i).(type) {
			case *array.BooleanBuilder:
				f.Append(r.IntN(2) == 0)
			case *array.Int8Builder:
				f.Append(int8(r.IntN(256) - 128))
			case *array.Uint16Builder:
				f.Append(uint16(r.IntN(1 << 16)))
			case *array.Int64Builder:
				f.Append(int64(r.Uint64()))
			case *array.Uint64Builder:
				f.Append(r.Uint64())
			case *array.Float32Builder:
				f.Append(float32(r.NormFloat64()))
			case *array.Float64Builder:
				f.Append(r.NormFloat64() * math.Pow(10, float64(r.IntN(40)-20)))
			case *array.LargeStringBuilder:
				f.Append([]string{"x", " a ", "ä,\n", `"q"`, "\r\nx", "\t\\"}[r.IntN(6)])
			case *array.Date32Builder:
				f.Append(arrow.Date32(r.IntN(40000) - 20000))
			case *array.TimestampBuilder:
				f.Append(arrow.Timestamp(r.Int64N(2e10) - 1e10))
			case *array.Time32Builder:
				f.Append(arrow.Time32(r.IntN(86_400_000)))
			case *array.Time64Builder:
				f.Append(arrow.Time64(r.Int64N(86_400_000_000)))
			case *array.DurationBuilder:
				f.Append(arrow.Duration(r.Int64()))
			case *array.Decimal128Builder:
				f.Append(decimal128.FromI64(r.Int64()))
			}
		}
	}
	t := &Table{mem: m, schema: schema}
	rec := b.NewRecord()
	defer rec.Release()
	for lo := int64(0); lo < rec.NumRows(); lo += 1777 { // several chunks
		part := rec.NewSlice(lo, min(lo+1777, rec.NumRows()))
		t.chunks, t.rows = append(t.chunks, part), t.rows+int(part.NumRows())
	}
	return t
}

// writtenRows is a table's rows as text.
func writtenRows(t *Table) []string {
	var rows []string
	for _, r := range t.chunks {
		for i := range int(r.NumRows()) {
			var cells []string
			for _, a := range r.Columns() {
				cells = append(cells, strings.Clone(a.ValueStr(i)))
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
	}
	return rows
}

// What is written is read again, in order, on other numbers of ranks, from a folder of parts and from one file.
func TestTextRoundTrip(t *testing.T) {
	types := map[string]Type{}
	empty := writtenTable(nil, 0, 1)
	for _, f := range empty.schema.Fields() {
		types[f.Name] = f.Type
	}
	readers := map[string]func(c collective.Comm, path string, m *Memory) (*Table, error){
		"csv": func(c collective.Comm, path string, m *Memory) (*Table, error) {
			tab, _, err := ReadCSVFiles(c, []string{path}, CSVOptions{Types: types, Memory: m})
			return tab, err
		},
		"jsonl": func(c collective.Comm, path string, m *Memory) (*Table, error) {
			tab, _, err := ReadJSONL(c, []string{path}, JSONLOptions{Columns: empty.Names(), Types: types, Memory: m})
			return tab, err
		},
	}
	for seed := range uint64(5) {
		for _, n := range []int{1, 2, 3, 5} {
			dir := t.TempDir()
			parts := make([][]string, n)
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab := writtenTable(checked(t), seed, c.Rank())
				defer tab.Release()
				parts[c.Rank()] = writtenRows(tab)
				return errors.Join(WriteCSV(c, tab, filepath.Join(dir, "csv"), CSVWriteOptions{}),
					WriteCSVFile(c, tab, filepath.Join(dir, "one.csv"), CSVWriteOptions{Comma: ';'}),
					WriteJSONL(c, tab, filepath.Join(dir, "jsonl"), JSONLWriteOptions{}),
					WriteJSONLFile(c, tab, filepath.Join(dir, "one.jsonl"), JSONLWriteOptions{}))
			})
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Concat(parts...)
			for _, path := range []string{"csv", "one.csv", "jsonl", "one.jsonl"} {
				format := strings.TrimPrefix(path, "one.")
				back := make([][]string, 3)
				err := collective.RunLocal(3, func(c collective.Comm) error {
					tab, err := readers[format](c, filepath.Join(dir, path), checked(t))
					if err != nil {
						return err
					}
					defer tab.Release()
					if describe(tab.schema) != describe(empty.schema) {
						t.Errorf("%s: %s", path, difference(describe(empty.schema), describe(tab.schema), "the table"))
					}
					back[c.Rank()] = writtenRows(tab)
					return nil
				})
				got := slices.Concat(back...)
				if err != nil || !slices.Equal(got, want) {
					for i := range min(len(got), len(want)) {
						if got[i] != want[i] {
							t.Fatalf("%s by %d ranks: row %d is\n%q, want\n%q", path, n, i, got[i], want[i])
						}
					}
					t.Fatalf("%s by %d ranks: %v; %d rows, want %d", path, n, err, len(got), len(want))
				}
			}
		}
	}
}

func TestWriteTextPartitioned(t *testing.T) {
	for _, format := range []string{"csv", "jsonl"} {
		dir := filepath.Join(t.TempDir(), "out")
		err := collective.RunLocal(2, func(c collective.Comm) error {
			m := checked(t)
			a := oneColumn(t, m, String, `["x/y", null, "x/y"]`)
			defer a.Release()
			b := oneColumn(t, m, Int64, fmt.Sprintf(`[%d, 1, null]`, c.Rank()))
			defer b.Release()
			tab := &Table{mem: m, schema: arrow.NewSchema([]arrow.Field{{Name: "k", Type: String, Nullable: true}, {Name: "v", Type: Int64, Nullable: true}}, nil)}
			tab = tab.with(array.NewRecord(tab.schema, []arrow.Array{a.Record().Column(0), b.Record().Column(0)}, 3))
			defer tab.Release()
			if format == "csv" {
				return WriteCSV(c, tab, dir, CSVWriteOptions{PartitionBy: []string{"k"}})
			}
			return WriteJSONL(c, tab, dir, JSONLWriteOptions{PartitionBy: []string{"k"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				b, rerr := os.ReadFile(path)
				got, err = append(got, strings.TrimPrefix(path, dir+"/")+": "+strings.ReplaceAll(string(b), "\n", " ")), rerr
			}
			return err
		})
		want := []string{
			`k=__HIVE_DEFAULT_PARTITION__/part-00000.csv: v 1 `, `k=__HIVE_DEFAULT_PARTITION__/part-00001.csv: v 1 `,
			`k=x%2Fy/part-00000.csv: v 0 "" `, `k=x%2Fy/part-00001.csv: v 1 "" `}
		if format == "jsonl" {
			want = []string{
				`k=__HIVE_DEFAULT_PARTITION__/part-00000.jsonl: {"v":1} `, `k=__HIVE_DEFAULT_PARTITION__/part-00001.jsonl: {"v":1} `,
				`k=x%2Fy/part-00000.jsonl: {"v":0} {"v":null} `, `k=x%2Fy/part-00001.jsonl: {"v":1} {"v":null} `}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %q\nwant %q", err, got, want)
		}
	}
}

func TestWriteTextErrors(t *testing.T) {
	for _, c := range []struct {
		name, typ, cells, want string
		json                   bool
	}{
		{"NaN", "float64", `[1, "NaN"]`, `column "a": holds NaN, which the format has no number for; make it missing, or cast the column to text`, true},
		{"infinity", "float32", `["-Inf"]`, `column "a": holds -Inf, which the format has no number for; make it missing, or cast the column to text`, true},
		{"NUL", "string", `["a\u0000"]`, `column "a": holds a NUL byte, which a file of text cannot`, false},
		{"bytes", "binary", `["/w=="]`, `column "a": holds bytes that are not UTF-8 text, which the format cannot`, true},
		{"year", "date", `[3000000]`, `column "a": holds a time outside the years 0 to 9999, which text has no form for`, false},
	} {
		typ, err := ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, "out")
			err := collective.RunLocal(3, func(cm collective.Comm) error {
				cells := "[null]"
				if cm.Rank() == 1 {
					cells = c.cells
				}
				tab := oneColumn(t, checked(t), typ, cells)
				defer tab.Release()
				switch {
				case c.json && one:
					return WriteJSONLFile(cm, tab, path, JSONLWriteOptions{})
				case c.json:
					return WriteJSONL(cm, tab, path, JSONLWriteOptions{})
				case one:
					return WriteCSVFile(cm, tab, path, CSVWriteOptions{})
				}
				return WriteCSV(cm, tab, path, CSVWriteOptions{})
			})
			if !strings.HasSuffix(text(err), c.want) || !strings.HasPrefix(text(err), "frame: write ") {
				t.Errorf("%s: got %s\nwant %s", c.name, text(err), c.want)
			}
			if one {
				onlyFiles(t, dir)
			} else {
				onlyFiles(t, path)
			}
		}
	}
	dir := t.TempDir()
	path := write(t, dir, "there", nil)
	err := collective.RunLocal(2, func(c collective.Comm) error {
		tab := oneColumn(t, checked(t), Int64, `[1]`)
		defer tab.Release()
		return WriteCSVFile(c, tab, path, CSVWriteOptions{})
	})
	if want := "frame: write CSV: " + path + ": file already exists and is not overwritten; remove it or write elsewhere"; text(err) != want {
		t.Errorf("got %s\nwant %s", text(err), want)
	}
}
