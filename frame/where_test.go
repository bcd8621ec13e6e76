package frame

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// filtered writes a table of n rows, NaN and missing cells among them, to a folder of each format, in folders of the years.
func filtered(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	fields := []arrow.Field{{Name: "row", Type: Int64}, {Name: "f", Type: Float64}, {Name: "s", Type: String}, {Name: "at", Type: Timestamp}, {Name: "day", Type: arrow.FixedWidthTypes.Date32},
		{Name: "null", Type: Int64}, {Name: "year", Type: Int64}, {Name: "site", Type: String}}
	for i := range fields {
		fields[i].Nullable = true
	}
	schema := arrow.NewSchema(fields, nil)
	err := collective.RunLocal(1, func(c collective.Comm) error {
		m := checked(t)
		b := array.NewRecordBuilder(m, schema)
		defer b.Release()
		for i := range n {
			b.Field(0).(*array.Int64Builder).Append(int64(i))
			b.Field(1).(*array.Float64Builder).Append(float64(i%17) - 3)
			b.Field(2).(*array.LargeStringBuilder).Append(fmt.Sprintf("t%02d", i%50))
			b.Field(3).(*array.TimestampBuilder).Append(arrow.Timestamp(i) * 3600e6)
			b.Field(4).(*array.Date32Builder).Append(arrow.Date32(i / 24))
			b.Field(5).(*array.Int64Builder).Append(int64(i % 3))
			b.Field(6).(*array.Int64Builder).Append(int64(2000 + i*4/n))
			b.Field(7).(*array.LargeStringBuilder).Append([]string{"1", "x"}[i*2/n])
		}
		b.Field(1).(*array.Float64Builder).AppendValues([]float64{math.NaN(), 5}, []bool{true, false})
		for k := range fields {
			if k == 0 {
				b.Field(0).(*array.Int64Builder).AppendValues([]int64{int64(n), int64(n) + 1}, nil)
			} else if k != 1 {
				b.Field(k).AppendNull()
				b.Field(k).AppendNull()
			}
		}
		tab, err := NewTable(m, schema, b.NewRecord())
		if err != nil {
			return err
		}
		defer tab.Release()
		by := []string{"year", "site"}
		if err := WriteParquet(c, tab, filepath.Join(dir, "parquet"), ParquetWriteOptions{RowGroup: 16, PartitionBy: by}); err != nil {
			return err
		}
		if err := WriteIPC(c, tab, filepath.Join(dir, "ipc"), IPCWriteOptions{PartitionBy: by}); err != nil {
			return err
		}
		some, err := tab.withoutNaN(c)
		if err != nil {
			return err
		}
		defer some.Release()
		if err := WriteCSV(c, some, filepath.Join(dir, "csv"), CSVWriteOptions{PartitionBy: by}); err != nil {
			return err
		}
		return WriteJSONL(c, some, filepath.Join(dir, "jsonl"), JSONLWriteOptions{PartitionBy: by})
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// withoutNaN is t with NaN missing, as text files have it.
func (t *Table) withoutNaN(c collective.Comm) (*Table, error) {
	return Compute(c, t, "f", "f == f ? f : nil")
}

// readFormat reads a folder of filtered.
func readFormat(c collective.Comm, m *Memory, dir, format string, columns []string, where string) (*Table, ReadStats, error) {
	paths := []string{filepath.Join(dir, format)}
	types := map[string]Type{"s": String, "at": Timestamp, "day": arrow.FixedWidthTypes.Date32, "f": Float64}
	switch format {
	case "parquet":
		return ReadParquet(c, paths, ParquetReadOptions{Columns: columns, Filter: where, Memory: m})
	case "ipc":
		return ReadIPC(c, paths, IPCReadOptions{Columns: columns, Filter: where, Memory: m})
	case "csv":
		return ReadCSVFiles(c, paths, CSVOptions{Columns: columns, Types: types, Filter: where, Memory: m})
	}
	return ReadJSONL(c, paths, JSONLOptions{Columns: columns, Types: types, Filter: where, Memory: m})
}

// TestReadWhere: what a reader keeps is what Filter keeps of all rows.
func TestReadWhere(t *testing.T) {
	dir := filtered(t, 160)
	for w, where := range []string{
		"row < 150", "150 > row and row >= 37", "row == 159 || row == 7", "row != 5 && not (row > 3)", "row < -5", "-3 < row", "row < 2.5", "row > 9000",
		"f > 1", "f <= -1.5", "f != 2", "f == 2 and row < 100", "2 < f and f < row / 20", "is_null(f)", "f > 1 or is_null(f)", "f == f",
		`s == "t07"`, `"t45" <= s and row > 100`, `s > "u"`, `s in ["t03", "t04"]`, `s startsWith "t1"`,
		`at >= timestamp("1970-01-05 12:30:00")`, `at < date("1970-01-03")`, `date("1970-01-05") == day`, `day > timestamp("1970-01-05 00:00:01")`, `day != date("1970-01-05")`,
		"year == 2002", "year > 2002 and row < 350", `site == "x"`, `site == "1" and year == 2001`, "year < 1990", "is_null(year)", `col("year") == 2000`,
		`lag(row, 1) > 90 and year == 2002`, "row > lead(row, 1, s) - 60 and row > 90", "true", "row > 10 and true", `col("null") == 1`,
	} {
		for _, format := range []string{"parquet", "ipc", "csv", "jsonl"} {
			ranks, choices := []int{3}, [][]string{nil, {"s", "row", "year"}}
			if format == "parquet" {
				ranks = ranksOfTest
			} else {
				choices = choices[w%2 : w%2+1]
			}
			for _, columns := range choices {
				want, _, err := readOnRanks(t, 1, func(c collective.Comm, m *Memory) (*Table, error) {
					all, _, err := readFormat(c, m, dir, format, nil, "")
					if err != nil {
						return nil, err
					}
					defer all.Release()
					kept, err := Filter(c, all, where)
					if err != nil || columns == nil {
						return kept, err
					}
					defer kept.Release()
					return Select(kept, columns...)
				})
				if err != nil {
					t.Fatalf("%s of %s: %v", where, format, err)
				}
				for _, n := range ranks {
					got, _, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
						tab, _, err := readFormat(c, m, dir, format, columns, where)
						return tab, err
					})
					if err != nil {
						t.Fatalf("%s of %s: %v", where, format, err)
					}
					same(t, fmt.Sprintf("%s of %s, columns %v, %d ranks", where, format, columns, n), got, want)
				}
			}
		}
	}
}

// TestReadWherePrunes: row groups, files of other folders and columns are not read.
func TestReadWherePrunes(t *testing.T) {
	dir := filtered(t, 400)
	for _, c := range []struct {
		format, where string
		columns       []string
		most          float64 // part of the bytes of all
	}{
		{"parquet", "row < 16", nil, 0.1},
		{"parquet", "year == 2003", nil, 0.3},
		{"parquet", `f > 0 and at >= timestamp("1970-01-16")`, nil, 0.2},
		{"parquet", "f > 0", []string{"f"}, 0.4},
		{"parquet", "lag(row, 1) < 16 and row < 16", []string{"row"}, 0.4},
		{"csv", "year == 2003 and f > 0", nil, 0.3},
		{"csv", `site == "y"`, nil, 0.3},
		{"jsonl", `"x" == site and year >= 2003`, nil, 0.3},
	} {
		m := checked(t)
		one := collective.Local(1)[0]
		all, most, err := readFormat(one, m, dir, c.format, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		all.Release()
		tab, stats, err := readFormat(one, m, dir, c.format, c.columns, c.where)
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(stats.Bytes) / float64(most.Bytes); got > c.most || stats.Rows != int64(tab.rows) {
			t.Errorf("%s of %s reads %.2f of the bytes, %d rows", c.where, c.format, got, stats.Rows)
		}
		tab.Release()
	}
}

func TestReadWhereErrors(t *testing.T) {
	dir := filtered(t, 40)
	for _, test := range []struct{ where, want string }{
		{"rowe < 1", `no column "rowe"; did you mean "row"?`},
		{"row <", "frame: expression: something must follow here\n  row <\n       ^"},
		{"row + 1", `: "row + 1" is int64, not a bool`},
		{`row == "a"`, "== compares values of one type, not int64 with text\n  row == \"a\"\n      ^"},
		{`year == "a"`, "== compares values of one type, not int64 with text"},
	} {
		for _, format := range []string{"parquet", "ipc", "csv", "jsonl"} {
			for _, n := range []int{1, 3} {
				_, _, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
					tab, _, err := readFormat(c, m, dir, format, []string{"s"}, test.where)
					return tab, err
				})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s of %s, %d ranks: %v\nwant %s", test.where, format, n, err, test.want)
				}
			}
		}
	}
}
