package frame

import (
	"encoding/csv"
	"encoding/json"
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

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// oneColumn is a record of one column from its cells as Arrow reads them from JSON.
func oneColumn(t testing.TB, dt arrow.DataType, cells string) arrow.Record {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, dt)
	if err := b.UnmarshalJSON([]byte(cells)); err != nil {
		t.Fatal(err)
	}
	a := b.NewArray()
	return array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "a", Type: dt, Nullable: true}}, nil), []arrow.Array{a}, int64(a.Len()))
}

// writeText is the file that a record is written as on one rank.
func writeText(t testing.TB, rec arrow.Record, write func(c collective.Comm, tab *Table, path string) error) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t")
	rec.Retain()
	tab, err := NewTable(checked(t), rec.Schema(), rec)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	if err := write(collective.Local(1)[0], tab, path); err != nil {
		if _, serr := os.Stat(path); !errors.Is(serr, fs.ErrNotExist) {
			t.Errorf("a file is left after %v", err)
		}
		return "", errors.New(strings.ReplaceAll(err.Error(), path, "FILE"))
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

func wholeCSV(o CSVWriteOptions) func(c collective.Comm, tab *Table, path string) error {
	return func(c collective.Comm, tab *Table, path string) error { return WriteCSVFile(c, tab, path, o) }
}

func TestWriteCells(t *testing.T) {
	us := &arrow.TimestampType{Unit: arrow.Microsecond}
	for _, c := range []struct {
		typ             arrow.DataType
		cells           string
		csv, json, fail string
	}{
		{arrow.FixedWidthTypes.Boolean, `[true, null, false]`, `true|""|false`, `true|null|false`, ""},
		{arrow.PrimitiveTypes.Int8, `[-128, 127]`, `-128|127`, `-128|127`, ""},
		{arrow.PrimitiveTypes.Uint64, `["18446744073709551615"]`, `18446744073709551615`, `18446744073709551615`, ""},
		{arrow.PrimitiveTypes.Float64, `[1, -0.1, 1e300, 5e-324, 123456789, 1e21]`, `1.0|-0.1|1e+300|5e-324|1.23456789e+08|1e+21`, `1.0|-0.1|1e+300|5e-324|1.23456789e+08|1e+21`, ""},
		{arrow.PrimitiveTypes.Float32, `[0.1, 2]`, `0.1|2.0`, `0.1|2.0`, ""},
		{arrow.BinaryTypes.LargeString, `["x", "", "a,b", "say \"hi\"", " p ", "two\r\nlines", null, "ü\u0001\\"]`,
			"x|\"\"|\"a,b\"|\"say \"\"hi\"\"\"| p |\"two\r\nlines\"|\"\"|ü\x01\\", `"x"|""|"a,b"|"say \"hi\""|" p "|"two\r\nlines"|null|"ü\u0001\\"`, ""},
		{arrow.FixedWidthTypes.Date32, `["1969-12-31", "2000-02-29", "0000-01-01", "9999-12-31"]`, `1969-12-31|2000-02-29|0000-01-01|9999-12-31`, `"1969-12-31"|"2000-02-29"|"0000-01-01"|"9999-12-31"`, ""},
		{arrow.FixedWidthTypes.Date64, `["1969-12-31"]`, `1969-12-31`, `"1969-12-31"`, ""},
		{us, `[-1, 0, 1500000]`, `1969-12-31 23:59:59.999999|1970-01-01 00:00:00|1970-01-01 00:00:01.500000`, `"1969-12-31 23:59:59.999999"|"1970-01-01 00:00:00"|"1970-01-01 00:00:01.500000"`, ""},
		{us, `[253402300800000000]`, "", "", `column "a": row 0 of this rank (from 0) lies outside of the years 0 to 9999`},
		{&arrow.TimestampType{Unit: arrow.Second, TimeZone: "Europe/Berlin"}, `[3600]`, `1970-01-01 01:00:00Z`, `"1970-01-01 01:00:00Z"`, ""},
		{&arrow.TimestampType{Unit: arrow.Nanosecond}, `[7]`, `1970-01-01 00:00:00.000000007`, `"1970-01-01 00:00:00.000000007"`, ""},
		{arrow.FixedWidthTypes.Time32ms, `["23:59:58.5"]`, `23:59:58.500`, `"23:59:58.500"`, ""},
		{arrow.FixedWidthTypes.Duration_ms, `[1]`, `1`, `1`, ""},
		{arrow.BinaryTypes.LargeBinary, `["Ig=="]`, "\"\"\"\"", `"\""`, ""},
		{&arrow.Decimal128Type{Precision: 20, Scale: 3}, `["-1.25"]`, `-1.250`, `-1.250`, ""},
	} {
		rec := oneColumn(t, c.typ, c.cells)
		got, err := writeText(t, rec, wholeCSV(CSVWriteOptions{}))
		want := "a\n" + strings.Join(strings.Split(c.csv, "|"), "\n") + "\n"
		if c.fail != "" {
			if want := "frame: write CSV: FILE: write: " + c.fail; fmt.Sprint(err) != want && fmt.Sprint(err) != "frame: write CSV: "+c.fail {
				t.Errorf("%s: error %v\nwant %s", c.typ, err, want)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: CSV %q, %v; want %q", c.typ, got, err, want)
		}
		got, err = writeText(t, rec, WriteJSONLFile)
		want = ""
		for _, cell := range strings.Split(c.json, "|") {
			want += `{"a":` + cell + "}\n"
		}
		if c.fail != "" {
			if err == nil || !strings.HasSuffix(err.Error(), c.fail) {
				t.Errorf("%s: JSON error %v", c.typ, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: JSON %q, %v; want %q", c.typ, got, err, want)
		}
	}
}

func TestWriteTextRefuses(t *testing.T) {
	rec := oneColumn(t, arrow.BinaryTypes.LargeString, `["a", "b\u0000"]`)
	_, err := writeText(t, rec, wholeCSV(CSVWriteOptions{}))
	if want := `frame: write CSV: column "a": row 1 of this rank (from 0) holds a NUL byte, which no CSV file may`; fmt.Sprint(err) != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	rec = oneColumn(t, arrow.PrimitiveTypes.Float64, `[1, "NaN"]`)
	_, err = writeText(t, rec, WriteJSONLFile)
	if want := `frame: write JSON lines: column "a": row 1 of this rank (from 0) is NaN, which JSON has no form for; make it missing first`; fmt.Sprint(err) != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	b := array.NewLargeStringBuilder(memory.DefaultAllocator)
	b.Append("\xc3") // together they are é
	b.Append("\xa9")
	a := b.NewArray()
	rec = array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "a", Type: a.DataType(), Nullable: true}}, nil), []arrow.Array{a}, 2)
	_, err = writeText(t, rec, WriteJSONLFile)
	if want := `frame: write JSON lines: column "a": row 0 of this rank (from 0) holds bytes that are not UTF-8 text, which JSON must be`; fmt.Sprint(err) != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// The row of a cell that cannot be written is counted over the records that a table lies in.
func TestWriteTextNamesRow(t *testing.T) {
	m := checked(t)
	rec := oneColumn(t, arrow.PrimitiveTypes.Float64, `[1, 2, 3, "NaN"]`)
	tab, err := NewTable(m, rec.Schema(), rec.NewSlice(0, 3), rec.NewSlice(3, 4))
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	c, dir := collective.Local(1)[0], t.TempDir()
	for want, err := range map[string]error{
		`column "a": row 3 of this rank (from 0) is NaN`: WriteJSONLFile(c, tab, filepath.Join(dir, "t.jsonl")),
		`column "a": row 3 of the file (from 0) is NaN`:  WriteJSONL(c, tab, filepath.Join(dir, "parts"), JSONLWriteOptions{}),
	} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// A table of one column of text keeps the rows in which it is empty.
func TestWriteCSVEmptyText(t *testing.T) {
	rec := oneColumn(t, arrow.BinaryTypes.LargeString, `["a", "", null, "  "]`)
	got, err := writeText(t, rec, wholeCSV(CSVWriteOptions{}))
	if err != nil || got != "a\na\n\"\"\n\"\"\n  \n" {
		t.Errorf("%q, %v", got, err)
	}
	for want, o := range map[string]CSVOptions{
		"[a (null) (null) (null)]": {Types: map[string]Type{"a": String}},
		"[a (null) (null)   ]":     {Types: map[string]Type{"a": String}, Verbatim: []string{"a"}},
	} {
		rows, _, err := readFiles(t, 1, []string{writeFile(t, "t.csv", got)}, o)
		if err != nil || fmt.Sprint(rows) != want {
			t.Errorf("%q, %v; want %s", rows, err, want)
		}
	}
}

// A table of every type is read as it was written.
func TestWriteCSVTypes(t *testing.T) {
	schema, recs := allTypes()
	m := checked(t)
	want := tableOf(t, m, schema, recs)
	defer want.Release()
	path := filepath.Join(t.TempDir(), "t.csv")
	c := collective.Local(1)[0]
	if err := WriteCSVFile(c, want, path, CSVWriteOptions{NA: "missing"}); err != nil {
		t.Fatal(err)
	}
	o := CSVOptions{NA: []string{"missing"}, Types: map[string]Type{}, Memory: m}
	for _, f := range want.schema.Fields() {
		o.Types[f.Name] = f.Type
	}
	got, _, err := ReadCSV(c, path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	sameRows(t, got, want)
}

func TestWriteCSVOptions(t *testing.T) {
	rec := oneColumn(t, arrow.BinaryTypes.LargeString, `["a;b", null, "a,b"]`)
	got, err := writeText(t, rec, wholeCSV(CSVWriteOptions{Comma: ';', NoHeader: true, NA: "NA"}))
	if err != nil || got != "\"a;b\"\nNA\na,b\n" {
		t.Errorf("%q, %v", got, err)
	}
	for want, o := range map[string]CSVWriteOptions{
		`frame: write CSV: fields cannot be separated by '.'`:                 {Comma: '.'},
		`frame: write CSV: one file cannot be partitioned; write to a folder`: {PartitionBy: []string{"a"}},
	} {
		if _, err := writeText(t, rec, wholeCSV(o)); fmt.Sprint(err) != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	path := writeFile(t, "t.csv", "")
	rec.Retain()
	tab, _ := NewTable(nil, rec.Schema(), rec)
	defer tab.Release()
	err = WriteCSVFile(collective.Local(1)[0], tab, path, CSVWriteOptions{})
	if want := "frame: write CSV: " + path + ": file already exists and is not overwritten; remove it or write elsewhere"; fmt.Sprint(err) != want || !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// finite puts 0.5 for what is not finite.
func finite(rec arrow.Record) arrow.Record {
	for _, a := range rec.Columns() {
		if a, ok := a.(*array.Float64); ok {
			for k, v := range a.Float64Values() {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					a.Float64Values()[k] = 0.5
				}
			}
		}
	}
	return rec
}

// Any number of ranks write one file of the same bytes, which encoding/csv, encoding/json and
// ReadCSV read as the table; the parts of a folder, one after another, have the same rows.
func TestWriteTextOnRanks(t *testing.T) {
	for _, rows := range []int{1, 7, 300} {
		rec := finite(someTable(nil, rand.New(rand.NewPCG(uint64(rows), 5)), rows, 20))
		want := rowsOf(rec)
		var first [2]string
		for _, n := range ranksOfTest {
			dir := t.TempDir()
			files := [2]string{filepath.Join(dir, "t.csv"), filepath.Join(dir, "t.jsonl")}
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab := cut(c, checked(t), rec, uint64(n))
				defer tab.Release()
				return errors.Join(WriteCSVFile(c, tab, files[0], CSVWriteOptions{NA: "NA"}), WriteJSONLFile(c, tab, files[1]),
					WriteCSV(c, tab, filepath.Join(dir, "csv"), CSVWriteOptions{NA: "NA"}), WriteJSONL(c, tab, filepath.Join(dir, "json"), JSONLWriteOptions{}))
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if n == 1 {
					first[i] = string(text)
				} else if string(text) != first[i] {
					t.Fatalf("%d rows on %d ranks: %s differs from that of one rank", rows, n, f)
				}
			}
			var parts string
			list, _ := filepath.Glob(filepath.Join(dir, "json", "part-*.jsonl"))
			for _, f := range list {
				text, _ := os.ReadFile(f)
				parts += string(text)
			}
			if parts != first[1] {
				t.Fatalf("%d rows on %d ranks: parts differ from the whole", rows, n)
			}
			got, err := readWhole(t, files[0], n, CSVOptions{NA: []string{"NA"}, Types: map[string]Type{"s": String, "k": Int64, "f": Float64, "i": Int64, "row": Int64}})
			if err != nil || len(got.rows) != rows {
				t.Fatalf("%v: %d rows, want %d", err, len(got.rows), rows)
			}
		}
		lines, err := csv.NewReader(strings.NewReader(first[0])).ReadAll()
		if err != nil || len(lines) != rows+1 || !slices.Equal(lines[0], []string{"k", "s", "f", "b", "i", "row"}) {
			t.Fatalf("%v: %d lines", err, len(lines))
		}
		for i, line := range strings.Split(strings.TrimSpace(first[1]), "\n") {
			var o map[string]any
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				t.Fatalf("line %d: %v: %s", i, err, line)
			}
			cells := strings.Split(want[i], " | ")
			for j, name := range lines[0] {
				cell := lines[i+1][j]
				if missing := cells[j] == array.NullValueStr; missing != (cell == "NA") || missing != (o[name] == nil) {
					t.Fatalf("row %d column %s: CSV %q, JSON %v, want %s", i, name, cell, o[name], cells[j])
				} else if missing {
					continue
				}
				if name == "f" {
					cell = strings.TrimSuffix(cell, ".0")
				}
				if cell != cells[j] || name == "s" && o[name] != cells[j] {
					t.Fatalf("row %d column %s: CSV %q, JSON %v, want %s", i, name, cell, o[name], cells[j])
				}
			}
		}
	}
}

// A rank whose cells cannot be written leaves no file on any rank.
func TestWriteTextFails(t *testing.T) {
	for _, n := range []int{1, 3} {
		dir := t.TempDir()
		err := collective.RunLocal(n, func(c collective.Comm) error {
			value := "[1]"
			if c.Rank() == n-1 {
				value = `["NaN"]`
			}
			tab, err := NewTable(checked(t), arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil), oneColumn(t, arrow.PrimitiveTypes.Float64, value))
			if err != nil {
				return err
			}
			defer tab.Release()
			for _, err := range []error{WriteJSONLFile(c, tab, filepath.Join(dir, "t.jsonl")), WriteJSONL(c, tab, filepath.Join(dir, "parts"), JSONLWriteOptions{})} {
				if err == nil || !strings.Contains(err.Error(), `column "a": row 0 of `) || !strings.Contains(err.Error(), "(from 0) is NaN") {
					t.Errorf("%d ranks: %v", n, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		list, _ := os.ReadDir(dir)
		parts, _ := os.ReadDir(filepath.Join(dir, "parts"))
		if len(list) > 1 || len(parts) > 0 {
			t.Errorf("%d ranks: %v and %v are left", n, list, parts)
		}
	}
}

func TestWriteCSVPartitionBy(t *testing.T) {
	dir := t.TempDir()
	s := arrow.NewSchema([]arrow.Field{{Name: "k", Type: arrow.BinaryTypes.LargeString, Nullable: true}, {Name: "v", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, s, strings.NewReader(`[{"k":"a/b","v":1},{"k":null,"v":2},{"k":"a/b","v":3}]`))
	if err != nil {
		t.Fatal(err)
	}
	tab, err := NewTable(checked(t), s, rec)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	if err := WriteCSV(collective.Local(1)[0], tab, dir, CSVWriteOptions{PartitionBy: []string{"k"}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"k=a%2Fb": "v\n1\n3\n", "k=__HIVE_DEFAULT_PARTITION__": "v\n2\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name, "part-00000.csv")); string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

// What is written of random numbers and texts reads as them.
func FuzzWriteCSV(f *testing.F) {
	f.Add("x", 1.5, int64(3), true)
	f.Add("a,\"b\"\r\n", math.MaxFloat64, int64(math.MinInt64), false)
	f.Fuzz(func(t *testing.T, s string, x float64, us int64, missing bool) {
		if math.IsNaN(x) || math.IsInf(x, 0) || strings.ContainsRune(s, 0) || strings.ToValidUTF8(s, "") != s {
			return
		}
		us %= 50_000_000_000_000_000 // the years 385 to 3554
		sb, fb, tb := array.NewLargeStringBuilder(memory.DefaultAllocator), array.NewFloat64Builder(memory.DefaultAllocator), array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond})
		sb.Append(s)
		fb.Append(x)
		if tb.Append(arrow.Timestamp(us)); missing {
			sb.AppendNull()
			fb.AppendNull()
			tb.AppendNull()
		}
		var fields []arrow.Field
		var cols []arrow.Array
		for i, b := range []array.Builder{sb, fb, tb} {
			a := b.NewArray()
			fields, cols = append(fields, arrow.Field{Name: fmt.Sprint(i), Type: a.DataType(), Nullable: true}), append(cols, a)
		}
		rec := array.NewRecord(arrow.NewSchema(fields, nil), cols, int64(cols[0].Len()))
		text, err := writeText(t, rec, wholeCSV(CSVWriteOptions{}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readWhole(t, writeFile(t, "t.csv", text), 1, CSVOptions{NA: []string{}, Types: map[string]Type{"0": String, "1": Float64, "2": Timestamp}})
		if err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
		for r, row := range got.rows {
			for i, cell := range row {
				want := printCell(cols[i], r)
				if i == 0 && strings.TrimSpace(want) == "" {
					want = null
				}
				if cell != want {
					t.Errorf("row %d column %d is %q, want %q", r, i, cell, want)
				}
			}
		}
	})
}
