package frame

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"deeprc/collective"
)

// readFiles reads CSV files on n ranks and gives the rows of all as text, with the columns' names and types.
func readFiles(t testing.TB, n int, paths []string, o CSVOptions) (rows []string, columns string, err error) {
	t.Helper()
	return readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
		own := o
		own.Memory = m
		tab, stats, err := ReadCSVFiles(c, paths, own)
		if err == nil && stats.Rows != int64(tab.NumRows()) {
			err = fmt.Errorf("stats say %d rows, the table has %d", stats.Rows, tab.NumRows())
		}
		return tab, err
	})
}

// readOnRanks makes a table on n ranks and gives the rows of all as text, with the columns' names and types.
func readOnRanks(t testing.TB, n int, do func(collective.Comm, *Memory) (*Table, error)) (rows []string, columns string, err error) {
	t.Helper()
	parts, heads := make([][]string, n), make([]string, n)
	err = collective.RunLocal(n, func(c collective.Comm) error {
		tab, err := do(c, checked(t))
		if err != nil {
			return err
		}
		defer tab.Release()
		for _, f := range tab.Schema().Fields() {
			heads[c.Rank()] += f.Name + " " + f.Type.String() + ", "
		}
		for _, r := range tab.Chunks() {
			for i := range int(r.NumRows()) {
				var cells []string
				for _, a := range r.Columns() {
					cells = append(cells, strings.TrimSuffix(a.ValueStr(i), "Z")) // Arrow puts a Z behind times of no zone, too
				}
				parts[c.Rank()] = append(parts[c.Rank()], strings.Join(cells, "|"))
			}
		}
		return nil
	})
	for _, h := range heads {
		if err == nil && h != heads[0] {
			t.Errorf("ranks disagree on columns: %s and %s", h, heads[0])
		}
	}
	return slices.Concat(parts...), strings.TrimSuffix(heads[0], ", "), err
}

func gzipOf(t testing.TB, s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdOf(t testing.TB, s string) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll([]byte(s), nil)
}

func TestReadCSVOptions(t *testing.T) {
	day := time.Date(1981, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, text    string
		o             CSVOptions
		columns, rows string
	}{
		{"no header", "1,a\n2,b\n", CSVOptions{NoHeader: true},
			"column1 int64, column2 large_utf8", "1|a 2|b"},
		{"no header, names, mark", "\ufeff1;2\n\n3;4", CSVOptions{NoHeader: true, Names: []string{"x", "y"}, Columns: []string{"y"}},
			"y int64", "2 4"},
		{"no header, no rows", "\n", CSVOptions{NoHeader: true, Names: []string{"x", "y"}},
			"x float64, y float64", ""},
		{"other names", "a,b\n1,2\n", CSVOptions{Names: []string{"x", "y"}},
			"x int64, y int64", "1|2"},
		{"skipped lines", "made by \"us\nat noon\r\na,b\n1,2\n3,4\n", CSVOptions{SkipRows: 2},
			"a int64, b int64", "1|2 3|4"},
		{"skipped lines, no header", "lat\nlon\n1 ,2\n3,4\n", CSVOptions{SkipRows: 2, NoHeader: true},
			"column1 int64, column2 int64", "1|2 3|4"},
		{"comments", "# it's \"\n# b\na,b\n#\"\n1,\"#x\n#y\"\n\n#\n2,#z\n# end", CSVOptions{Comment: "#"},
			"a int64, b large_utf8", "1|#x\n#y 2|#z"},
		{"long comment", "//a\n/,b\n1,2\n//\n", CSVOptions{Comment: "//"},
			"/ int64, b int64", "1|2"},
		{"bool", "a,b,c\ntrue,True,true\nNA,FALSE,x\nfalse,True,true\n", CSVOptions{},
			"a bool, b bool, c large_utf8", "true|true|true (null)|false|x false|true|true"},
		{"times by row", "1\n2\n\n3\n4\n5\n", CSVOptions{NoHeader: true, Start: day, Step: 24 * time.Hour},
			"date timestamp[us], column1 int64", "1981-01-01 00:00:00|1 1981-01-02 00:00:00|2 1981-01-03 00:00:00|3 1981-01-04 00:00:00|4 1981-01-05 00:00:00|5"},
		{"hours by row, ids", "v\n7\n8\n", CSVOptions{Start: day, Step: time.Hour, TimeColumn: "when", ID: "site"},
			"site large_utf8, when timestamp[us], v int64", "t|1981-01-01 00:00:00|7 t|1981-01-01 01:00:00|8"},
	} {
		path := writeFile(t, "t.csv", c.text)
		for _, n := range rankCounts {
			for pack, b := range map[string][]byte{"": nil, ".gz": gzipOf(t, c.text), ".zst": zstdOf(t, c.text)} {
				file := path
				if pack != "" {
					file = write(t, filepath.Dir(path), "t.csv"+pack, b)
				}
				rows, columns, err := readFiles(t, n, []string{file}, c.o)
				if err != nil || columns != c.columns || strings.Join(rows, " ") != c.rows {
					t.Errorf("%s%s on %d ranks: %v: %q of %s\nwant %q of %s", c.name, pack, n, err, strings.Join(rows, " "), columns, c.rows, c.columns)
				}
			}
		}
	}
}

func TestReadCSVOptionErrors(t *testing.T) {
	day := time.Date(1981, 1, 1, 0, 0, 0, 0, time.UTC)
	typed := func(name string) CSVOptions {
		typ, err := ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		return CSVOptions{Types: map[string]Type{"a": typ}}
	}
	const na = "; if it marks a missing value, list it in na, with all other marks of the file"
	for _, c := range []struct {
		text, want string
		o          CSVOptions
	}{
		{"a\nb\n", "FILE: has 2 lines, of which 3 are to be skipped", CSVOptions{SkipRows: 3}},
		{"", "FILE: is empty; give the columns' names, since there is no record to count them in", CSVOptions{NoHeader: true}},
		{"a,b\n1,2\n", "FILE:1: 2 fields, want 1: x", CSVOptions{Names: []string{"x"}}},
		{"\n1,2\n", "FILE:2: 2 fields, want 3: x, y, z", CSVOptions{Names: []string{"x", "y", "z"}, NoHeader: true}},
		{"1,2\n3\n", "FILE:2: 1 field, header has 2", CSVOptions{NoHeader: true}},
		{"skip\n# x\na\n1\n# y\nx\n", `FILE:6: column "a": "x" is not a number` + na, CSVOptions{SkipRows: 1, Comment: "#", Types: map[string]Type{"a": Float64}}},
		{"id,date\n1,2\n", `FILE: the file has a column "date", so that none of that name can be added`, CSVOptions{Start: day, Step: time.Hour}},
		{"a\n1\n", "frame: step 1h0m0s between rows is given without the time of the first", CSVOptions{Step: time.Hour}},
		{"a\n1\n", "frame: a time of the first row or a column of times is given without the step between rows", CSVOptions{Start: day}},
		{"a\n1\n", "frame: step -1h0m0s between rows: want whole microseconds, more than none", CSVOptions{Start: day, Step: -time.Hour}},
		{"a\n1\n", `frame: FILE: the path does not end as the pattern of ids "{id}_x.csv" says`, CSVOptions{ID: "i", IDPattern: "{id}_x.csv"}},
		{"a\n1\n", `frame: pattern of ids "*.csv": want {id} once, as in {id}_*.csv`, CSVOptions{ID: "i", IDPattern: "*.csv"}},
		{"a\n1\n", `frame: a pattern of ids, "*.csv", is given without the name of their column`, CSVOptions{IDPattern: "*.csv"}},
		{"a\ntrue\n1\n", `FILE:3: column "a": "1" is neither true nor false` + na, CSVOptions{Types: map[string]Type{"a": Bool}}},
		{"a\n127\n128\n", `FILE:3: column "a": "128" is not a whole number of 8 bits` + na, typed("int8")},
		{"a\n65535\n1.5\n", `FILE:3: column "a": "1.5" is not a whole number from 0 to 65535` + na, typed("uint16")},
		{"a\n-1\n", `FILE:2: column "a": "-1" is not a whole number from 0 to 18446744073709551615` + na, typed("uint64")},
		{"a\n3.4028235677973366e38\n", `FILE:2: column "a": "3.4028235677973366e38" is beyond the range of float32` + na, typed("float32")},
		{"a\n1e39\n", `FILE:2: column "a": "1e39" is beyond the range of float32` + na, typed("float32")},
		{"a\n2001-01-01\n2001-01-01 12:00\n", `FILE:3: column "a": "2001-01-01 12:00" is not a date without a time of day` + na, typed("date")},
		{"a\n2001-01-01 12:00:00.5\n", `FILE:2: column "a": "2001-01-01 12:00:00.5" is not a whole second` + na, typed("timestamp[s]")},
		{"a\n2001-01-01 12:00:00.0005\n", `FILE:2: column "a": "2001-01-01 12:00:00.0005" is not a whole millisecond` + na, typed("timestamp[ms]")},
		{"a\n2300-01-01\n", `FILE:2: column "a": "2300-01-01" is not a time in ns such as 2016-07-01 00:00:00.123456789, from 1678 to 2262` + na, typed("timestamp[ns]")},
		{"a\n24:00\n", `FILE:2: column "a": "24:00" is not a time of day in s such as 15:04:05` + na, typed("time32[s]")},
		{"a\n1.234\n", `FILE:2: column "a": "1.234" is not a decimal of 5 digits, 2 of them behind the point` + na, typed("decimal(5, 2)")},
		{"a\n1.5\n", `FILE:2: column "a": "1.5" is not a whole number of 64 bits` + na, typed("duration[s]")},
	} {
		path := writeFile(t, "t.csv", c.text)
		want := strings.ReplaceAll(c.want, "FILE", path)
		for _, n := range []int{1, 2, 3, 5} {
			_, _, err := readFiles(t, n, []string{path}, c.o)
			if text(err) != want {
				t.Errorf("%d ranks:\n got %s\nwant %s", n, text(err), want)
			}
		}
	}
}

func TestReadCSVDeclaredTypes(t *testing.T) {
	for _, c := range []struct{ typ, arrow, text, want string }{
		{"bool", "bool", "TRUE,False,NA", "true false (null)"},
		{"int8", "int8", "-128,127,NA, 5", "-128 127 (null) 5"},
		{"uint8", "uint8", "0,255,NA", "0 255 (null)"},
		{"int16", "int16", "-32768,32767", "-32768 32767"},
		{"uint16", "uint16", "65535", "65535"},
		{"int32", "int32", "-2147483648,2147483647", "-2147483648 2147483647"},
		{"uint32", "uint32", "4294967295,NA", "4294967295 (null)"},
		{"int64", "int64", "-9223372036854775808", "-9223372036854775808"},
		{"uint64", "uint64", "18446744073709551615,NA,+1", "18446744073709551615 (null) 1"},
		{"float32", "float32", "0.1,NA,-3e38", "0.1 (null) -3e+38"},
		{"float32", "float32", "3.4028235e+38,-3.4028235677973362e38", "3.4028235e+38 -3.4028235e+38"},
		{"float64", "float64", "0.1,7", "0.1 7"},
		{"string", "large_utf8", "01,NA,x", "01 (null) x"},
		{"binary", "large_binary", "a", "YQ=="},
		{"date", "date32", "2000-02-29,1969-12-31,NA,1970/01/02", "2000-02-29 1969-12-31 (null) 1970-01-02"},
		{"date64", "date64", "2000-02-29,1969-12-31", "2000-02-29 1969-12-31"},
		{"timestamp", "timestamp[us]", "2000-01-01T00:00:00.000001,NA", "2000-01-01_00:00:00.000001 (null)"},
		{"timestamp[s]", "timestamp[s]", "1969-12-31 23:59:59", "1969-12-31_23:59:59"},
		{"timestamp[ms, Europe/Berlin]", "timestamp[ms, tz=Europe/Berlin]", "2000-01-01T00:00:00.5+01:00", "2000-01-01_00:00:00.5+0100"},
		{"timestamp[ns]", "timestamp[ns]", "2000-01-01 00:00:00.123456789,1969-12-31 23:59:59.9999999991", ""},
		{"timestamp[ns]", "timestamp[ns]", "2000-01-01 00:00:00.123456789,1969-12-31 23:59:59.999999999,2000-01-01", "2000-01-01_00:00:00.123456789 1969-12-31_23:59:59.999999999 2000-01-01_00:00:00"},
		{"time32[s]", "time32[s]", "23:59,00:00:01", "23:59:00 00:00:01"},
		{"time32[ms]", "time32[ms]", "01:02:03.04", "01:02:03.040"},
		{"time64[us]", "time64[us]", "01:02:03.000004,NA", "01:02:03.000004 (null)"},
		{"time64[ns]", "time64[ns]", "01:02:03.000000004", "01:02:03.000000004"},
		{"duration[ms]", "duration[ms]", "1500,NA", "1500ms (null)"},
		{"decimal(5, 2)", "decimal(5, 2)", "-1.5,123.45,NA,.5,007", "-1.5 123.45 (null) 0.5 7"},
	} {
		typ, err := ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseType(c.arrow); err != nil || back.String() != typ.String() {
			t.Errorf("%s is parsed as %v, %v", c.arrow, back, err)
		}
		path := writeFile(t, "t.csv", "a\n"+strings.ReplaceAll(c.text, ",", "\n")+"\n")
		for _, n := range []int{1, 3} {
			rows, columns, err := readFiles(t, n, []string{path}, CSVOptions{Types: map[string]Type{"a": typ}})
			for i := range rows {
				rows[i] = strings.ReplaceAll(rows[i], " ", "_")
			}
			if (err != nil) != (c.want == "") || err == nil && columns != "a "+c.arrow || strings.Join(rows, " ") != c.want {
				t.Errorf("%s: %v: %q of %s\nwant %q of %s", c.typ, err, rows, columns, c.want, c.arrow)
			}
		}
	}
}

func TestParseTypeErrors(t *testing.T) {
	const types = "; types: bool, int8 to int64, uint8 to uint64, float32, float64, string, binary, date, timestamp, timestamp[ms], timestamp[us, UTC], time32[s], time64[us], duration[s], decimal(10, 2)"
	for name, want := range map[string]string{
		"int46":                  `frame: no type "int46"; did you mean "int16"?` + types,
		"complex":                `frame: no type "complex"` + types,
		"timestamp[us, Nowhere]": `frame: type "timestamp[us, Nowhere]": no time zone "Nowhere" is known`,
		"decimal(3, 4)":          `frame: type "decimal(3, 4)": a decimal has 1 to 38 digits, and at most all of them behind the point`,
	} {
		if _, err := ParseType(name); text(err) != want {
			t.Errorf("%s: got %v\nwant %s", name, err, want)
		}
	}
}
