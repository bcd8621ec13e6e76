package frame

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// whole is the rows of all ranks, printed: null is a cell that no text prints as.
type whole struct {
	names []string
	types []string
	rows  [][]string
	bytes int64
}

const null = "\x00null"

// readWhole reads a file on n ranks and puts the parts together in rank order.
// Every rank's memory must be free after it.
func readWhole(t testing.TB, path string, n int, o CSVOptions) (*whole, error) {
	t.Helper()
	parts := make([]*whole, n)
	err := collective.RunLocal(n, func(c collective.Comm) error {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		own := o
		own.Memory = NewMemory(MemoryOptions{Under: mem})
		tab, stats, err := ReadCSV(c, path, own)
		if err != nil {
			return err
		}
		defer tab.Release()
		if stats.Rows != int64(tab.NumRows()) {
			return fmt.Errorf("stats say %d rows, the table has %d", stats.Rows, tab.NumRows())
		}
		w := &whole{names: tab.Names(), rows: make([][]string, tab.NumRows()), bytes: stats.Bytes}
		for i, f := range tab.Schema().Fields() {
			w.types = append(w.types, f.Type.String())
			for r := range w.rows {
				w.rows[r] = append(w.rows[r], printCell(tab.Record().Column(i), r))
			}
		}
		parts[c.Rank()] = w
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := parts[0]
	for _, p := range parts[1:] {
		if !slices.Equal(p.types, all.types) {
			t.Fatalf("ranks disagree on types: %v and %v", p.types, all.types)
		}
		all.rows = append(all.rows, p.rows...)
		all.bytes += p.bytes
	}
	return all, nil
}

func printCell(a any, r int) string {
	switch a := a.(type) {
	case *array.Int64:
		if a.IsValid(r) {
			return strconv.FormatInt(a.Value(r), 10)
		}
	case *array.Float64:
		if a.IsValid(r) {
			return strconv.FormatFloat(a.Value(r), 'g', -1, 64)
		}
	case *array.Timestamp:
		if a.IsValid(r) {
			return fmt.Sprintf("%dus", a.Value(r))
		}
	case *array.LargeString:
		if a.IsValid(r) {
			return strings.Clone(a.Value(r))
		}
	}
	return null
}

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

var rankCounts = []int{1, 2, 3, 5, 8}

// randomCSV is a table of up to 60 rows whose columns are integers, floats and
// text with everything that needs quotes.
func randomCSV(r *rand.Rand) string {
	eol := []string{"\n", "\r\n"}[r.IntN(2)]
	var b strings.Builder
	if r.IntN(3) == 0 {
		b.WriteString("\ufeff")
	}
	b.WriteString(strings.Repeat(eol, r.IntN(2)))
	b.WriteString(`i,f,"a ""text""",` + "\"two\nlines\"" + eol)
	texts := []string{"", "a", "ä", `""`, "x\ny", "\n\n\n", "a,b", `he said "yes"`, " pad ", "NA", "-", "\r\nq", `"`, strings.Repeat("long ", 30)}
	put := func(s string) {
		if s != "" && r.IntN(3) == 0 || strings.ContainsAny(s, ",\"\r\n") {
			s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		b.WriteString(s)
	}
	rows := r.IntN(60)
	for k := range rows {
		if r.IntN(8) == 0 {
			put("NA")
		} else {
			put(strconv.Itoa(r.IntN(2000) - 1000))
		}
		b.WriteByte(',')
		put(strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(r.IntN(20)-10)), 'g', -1, 64))
		b.WriteByte(',')
		put(texts[r.IntN(len(texts))])
		b.WriteByte(',')
		put(texts[r.IntN(len(texts))])
		if k < rows-1 || r.IntN(2) == 0 {
			b.WriteString(eol)
		}
		if r.IntN(10) == 0 && k < rows-1 {
			b.WriteString(eol)
		}
	}
	return b.String()
}

func TestReadCSVEqualsEncodingCSV(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	missing := []string{"", "NA", "-"}
	for trial := range 300 {
		text := randomCSV(r)
		path := writeFile(t, "t.csv", text)
		want, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		o := CSVOptions{Types: map[string]Type{"i": Int64, "f": Float64, `a "text"`: String, "two\nlines": String}}
		for _, n := range rankCounts {
			got, err := readWhole(t, path, n, o)
			if err != nil {
				t.Fatalf("trial %d, %d ranks: %v\n%s", trial, n, err, text)
			}
			if !slices.Equal(got.names, want[0]) || len(got.rows) != len(want)-1 {
				t.Fatalf("trial %d, %d ranks: %d rows of %q, want %d of %q\n%s", trial, n, len(got.rows), got.names, len(want)-1, want[0], text)
			}
			for k, row := range got.rows {
				for j, cell := range row {
					w := want[k+1][j]
					if slices.Contains(missing, strings.TrimSpace(w)) {
						w = null
					} else if j == 1 {
						f, _ := strconv.ParseFloat(w, 64)
						w = strconv.FormatFloat(f, 'g', -1, 64)
					}
					if strings.ReplaceAll(cell, "\r\n", "\n") != w { // encoding/csv rewrites line ends in fields
						t.Fatalf("trial %d, %d ranks: row %d column %d is %q, want %q\n%s", trial, n, k, j, cell, w, text)
					}
				}
			}
		}
	}
}

func TestReadCSVTypes(t *testing.T) {
	text := "n,x,when,id,name,none,day\n" +
		"1,1.5,2016-07-01 00:00:00,01022500,a,,2016-01-01\n" +
		"2,NA,2016-07-01T01:00:00Z,01030500,NA,,2016-01-02\n" +
		"\n" +
		"3,3,2016-07-01 04:00:00+02:00,10100000,c,,-\n\n\n"
	path := writeFile(t, "t.csv", text)
	for _, n := range rankCounts {
		got, err := readWhole(t, path, n, CSVOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantTypes := []string{"int64", "float64", "timestamp[us]", "large_utf8", "large_utf8", "float64", "timestamp[us]"}
		if !slices.Equal(got.types, wantTypes) {
			t.Fatalf("%d ranks: types %v, want %v", n, got.types, wantTypes)
		}
		want := "[[1 1.5 1467331200000000us 01022500 a \x00null 1451606400000000us]" +
			" [2 \x00null 1467334800000000us 01030500 \x00null \x00null 1451692800000000us]" +
			" [3 3 1467338400000000us 10100000 c \x00null \x00null]]"
		if s := fmt.Sprint(got.rows); s != want {
			t.Errorf("%d ranks: %q, want %q", n, s, want)
		}
		got, err = readWhole(t, path, n, CSVOptions{Columns: []string{"x", "n"}, NA: []string{"NA", "3.0"}})
		if err != nil {
			t.Fatal(err)
		}
		if s := fmt.Sprint(got.names, got.rows); s != "[x n] [[1.5 1] [\x00null 2] [\x00null \x00null]]" {
			t.Errorf("%d ranks: selection %q", n, s)
		}
	}
}

func TestReadCSVSeparators(t *testing.T) {
	for _, sep := range []string{",", ";", "\t"} {
		path := writeFile(t, "t.csv", strings.ReplaceAll("a|\"b,;\"|c\n1|2|3\n4|5|6", "|", sep))
		got, err := readWhole(t, path, 3, CSVOptions{})
		if err != nil {
			t.Fatalf("%q: %v", sep, err)
		}
		if s := fmt.Sprint(got.names, got.rows); s != "[a b,; c] [[1 2 3] [4 5 6]]" {
			t.Errorf("%q: %s", sep, s)
		}
	}
	path := writeFile(t, "t.csv", "a|b\n1|2\n")
	got, err := readWhole(t, path, 1, CSVOptions{Comma: '|'})
	if err != nil || fmt.Sprint(got.rows) != "[[1 2]]" {
		t.Errorf("given separator: %v, %v", got, err)
	}
}

func TestReadCSVFewRows(t *testing.T) {
	for text, rows := range map[string]int{"a,b": 0, "a,b\n": 0, "a,b\r\n\r\n": 0, "a\n1": 1, "a,b\n,\n": 1, "a\n1\n2": 2, "\n\na\n\"1\"": 1} {
		path := writeFile(t, "t.csv", text)
		for _, n := range append(rankCounts, 40) {
			got, err := readWhole(t, path, n, CSVOptions{})
			if err != nil || len(got.rows) != rows {
				t.Errorf("%q on %d ranks: %v, %v; want %d rows", text, n, got, err, rows)
			}
		}
	}
}

// A decimal behind the sample makes the column Float64 on all ranks, wherever it is.
func TestReadCSVWidens(t *testing.T) {
	const rows = 9000
	for _, at := range []int{1100, 5000, rows - 1} {
		var b strings.Builder
		b.WriteString("k,v\n")
		for i := range rows {
			v := strconv.Itoa(i)
			if i == at {
				v = "0.5"
			} else if i%7 == 0 {
				v = "NA"
			}
			fmt.Fprintf(&b, "%d,%s\n", i, v)
		}
		path := writeFile(t, "t.csv", b.String())
		for _, n := range []int{1, 2, 3} {
			got, err := readWhole(t, path, n, CSVOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got.types[0] != "int64" || got.types[1] != "float64" || len(got.rows) != rows {
				t.Fatalf("%d ranks: types %v, %d rows", n, got.types, len(got.rows))
			}
			for i, row := range got.rows {
				want := strconv.Itoa(i)
				switch {
				case i == at:
					want = "0.5"
				case i%7 == 0:
					want = null
				}
				if row[0] != strconv.Itoa(i) || row[1] != want {
					t.Fatalf("%d ranks: row %d is %q", n, i, row)
				}
			}
		}
	}
}

// Ranks parse each record once.
func TestReadCSVReadsItsShare(t *testing.T) {
	text := "a,b\n" + strings.Repeat("1.25,some text\n", 200_000)
	path := writeFile(t, "t.csv", text)
	got, err := readWhole(t, path, 8, CSVOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got.bytes != int64(len(text)-len("a,b\n")) {
		t.Errorf("ranks parsed %d bytes of a file of %d", got.bytes, len(text))
	}
}

func TestReadCSVETTh1(t *testing.T) {
	dir := os.Getenv("DEEPRC_DATA")
	if dir == "" {
		t.Skip("DEEPRC_DATA names no folder with ett/ETTh1.csv")
	}
	var one *whole
	for _, n := range rankCounts {
		got, err := readWhole(t, filepath.Join(dir, "ett", "ETTh1.csv"), n, CSVOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if one == nil {
			one = got
		}
		if len(got.rows) != 17420 || len(got.names) != 8 || got.types[0] != "timestamp[us]" || got.types[7] != "float64" {
			t.Fatalf("%d ranks: %d rows, columns %v of %v", n, len(got.rows), got.names, got.types)
		}
		for i, row := range got.rows {
			if !slices.Equal(row, one.rows[i]) || slices.Contains(row, null) {
				t.Fatalf("%d ranks: row %d is %v, on one rank %v", n, i, row, one.rows[i])
			}
		}
	}
	if s := fmt.Sprint(one.rows[0]); s != "[1467331200000000us 5.827000141143799 2.009000062942505 1.5989999771118164 0.4620000123977661 4.203000068664552 1.3400000333786009 30.5310001373291]" {
		t.Errorf("first row %s", s)
	}
}
