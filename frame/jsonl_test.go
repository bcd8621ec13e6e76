package frame

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"deeprc/collective"
)

func readLines(t testing.TB, n int, paths []string, o JSONLOptions) (rows []string, columns string, err error) {
	t.Helper()
	return readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
		own := o
		own.Memory = m
		tab, stats, err := ReadJSONL(c, paths, own)
		if err == nil && stats.Rows != int64(tab.NumRows()) {
			err = fmt.Errorf("stats say %d rows, the table has %d", stats.Rows, tab.NumRows())
		}
		return tab, err
	})
}

func TestReadJSONL(t *testing.T) {
	typed := func(name string) map[string]Type {
		typ, err := ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]Type{"a": typ}
	}
	for _, c := range []struct {
		name, text    string
		o             JSONLOptions
		columns, rows string
	}{
		{"types", `{"i":1,"f":1.5,"b":true,"s":"x","t":"2001-01-01T00:00:01","n":null}` + "\n \t\r\n" +
			`{"i":-2,"f":3,"b":null,"s":"","t":null}` + "\r\n" + ` { "s" : "\u00fc\n\"" , "i" : 1e2 } `, JSONLOptions{},
			"i float64, f float64, b bool, s large_utf8, t timestamp[us], n float64",
			"1|1.5|true|x|2001-01-01 00:00:01|(null); -2|3|(null)||(null)|(null); 100|(null)|(null)|ü\n\"|(null)|(null)"},
		{"none", "\n\n", JSONLOptions{}, "", ""},
		{"empty", "", JSONLOptions{}, "", ""},
		{"empty with columns", "", JSONLOptions{Columns: []string{"a"}, Types: typed("int8")}, "a int8", ""},
		{"mark", "\ufeff{\"a\":1}\n", JSONLOptions{}, "a int64", "1"},
		{"missing keys", "{}\n{\"b\":1}\n{\"a\":2}\n{\"c\":3,\"a\":4}\n", JSONLOptions{}, "b int64, a int64, c int64",
			"(null)|(null)|(null); 1|(null)|(null); (null)|2|(null); (null)|4|3"},
		{"columns", `{"x":[1,{"y":[]}],"a":1,"b":2}` + "\n" + `{"b":3,"x":{}}`, JSONLOptions{Columns: []string{"b", "a"}}, "b int64, a int64", "2|1; 3|(null)"},
		{"text of all", `{"a":1}` + "\n" + `{"a":"x"}` + "\n" + `{"a":false}`, JSONLOptions{Types: typed("string")}, "a large_utf8", "1; x; false"},
		{"text, not time", `{"a":"2001-01-01"}` + "\n" + `{"a":"x"}`, JSONLOptions{}, "a large_utf8", "2001-01-01; x"},
		{"date", `{"a":"2001-01-01"}`, JSONLOptions{Types: typed("date")}, "a date32", "2001-01-01"},
		{"decimal", `{"a":1.25}`, JSONLOptions{Types: typed("decimal(4, 2)")}, "a decimal(4, 2)", "1.25"},
		{"float32", `{"a":1}`, JSONLOptions{Types: typed("float32")}, "a float32", "1"},
		{"uint64", `{"a":18446744073709551615}`, JSONLOptions{Types: typed("uint64")}, "a uint64", "18446744073709551615"},
		{"time", `{"a":"01:02"}`, JSONLOptions{Types: typed("time32[s]")}, "a time32[s]", "01:02:00"},
		{"ids", `{"a":1}`, JSONLOptions{ID: "id", IDPattern: "{id}.jsonl*"}, "id large_utf8, a int64", "t|1"},
	} {
		path := writeFile(t, "t.jsonl", c.text)
		zipped := write(t, t.TempDir(), "t.jsonl.gz", gzipOf(t, c.text))
		for _, n := range []int{1, 2, 3, 5} {
			for _, file := range []string{path, zipped} {
				rows, columns, err := readLines(t, n, []string{file}, c.o)
				if err != nil || columns != c.columns || strings.Join(rows, "; ") != c.rows {
					t.Errorf("%s on %d ranks: %v: %q of %s\nwant %q of %s", c.name, n, err, strings.Join(rows, "; "), columns, c.rows, c.columns)
				}
			}
		}
	}
}

func TestReadJSONLErrors(t *testing.T) {
	good := strings.Repeat(`{"a":1}`+"\n", 2000)
	for _, c := range []struct {
		name, text, want string
		o                JSONLOptions
	}{
		{"nested", `{"a":1}` + "\n" + `{"a":{"b":2}}`, `FILE:2: key "a": "{\"b\":2}" is nested; a cell holds one value, so leave the key out of the columns`, JSONLOptions{}},
		{"array", "[\n{}]", `FILE:1: "[" is not an object: JSON lines have one object { … } a line`, JSONLOptions{}},
		{"object over lines", "{\n\"a\":1}", `FILE:1: want a key in quotes: the end of the line is not text in quotes`, JSONLOptions{}},
		{"no end", `{"a":1` + "\n", `FILE:1: want , or } behind a value, found the end of the line; an object stands in one line`, JSONLOptions{}},
		{"rest", `{"a":1} {"a":2}` + "\n", `FILE:1: "{\"a\":2}" follows the object`, JSONLOptions{}},
		{"twice", `{"a":1,"a":2}` + "\n", `FILE:1: key "a" stands twice in the object`, JSONLOptions{}},
		{"NaN", `{"a":NaN}` + "\n", `FILE:1: key "a": "NaN}" is not a value of JSON`, JSONLOptions{Columns: []string{"a"}, Types: map[string]Type{"a": Float64}}},
		{"leading zero", good + `{"a":012}` + "\n", `FILE:2001: key "a": "012}" is not a value of JSON`, JSONLOptions{}},
		{"text in numbers", good + `{"a":"x"}` + "\n", `FILE:2001: key "a": "x" is text, not a value of int64`, JSONLOptions{}},
		{"number in text", `{"a":"x"}` + "\n" + `{"a":1}`, `FILE:2: key "a": 1 is not text, as the key's other values are; declare the column string to take both`, JSONLOptions{}},
		{"late key", good + `{"a":1,"b":2}` + "\n" + strings.Repeat(good, 5), `FILE:2001: key "b" is in none of the first 1000 lines of any rank; list the columns to read`, JSONLOptions{}},
		{"unknown column", good, `frame: read JSON lines: in the first 1000 lines of each rank no column "aa"; did you mean "a"?; columns: a; if it comes later, declare its type`, JSONLOptions{Columns: []string{"aa"}}},
		{"unknown type", good, `frame: read JSON lines: no column "aa"; did you mean "a"?; columns: a`, JSONLOptions{Types: map[string]Type{"aa": Int64}}},
		{"column twice", good, `frame: read JSON lines: column "a" is asked for twice`, JSONLOptions{Columns: []string{"a", "a"}}},
		{"declared integer", `{"a":1.5}`, `FILE:1: key "a": "1.5" is not a whole number of 64 bits`, JSONLOptions{Types: map[string]Type{"a": Int64}}},
		{"huge number", `{"a":1.5}` + "\n" + `{"a":1e999}`, `FILE:2: key "a": "1e999" is not a number`, JSONLOptions{}},
		{"control", "{\"a\":\"x\ty\"}", `FILE:1: key "a": "\"x" holds a control character, which JSON writes as \u0009`, JSONLOptions{Columns: []string{"a"}, Types: map[string]Type{"a": String}}},
		{"latin-1", "{\"a\":\"K\xf6ln\"}", `FILE:1: key "a": "K\xf6ln" is not UTF-8 text; convert the file, for example with iconv -f latin1 -t utf8`, JSONLOptions{Columns: []string{"a"}, Types: map[string]Type{"a": String}}},
		{"NUL", "{}\n\x00", `FILE:2: holds a NUL byte: this is a binary or UTF-16 file, not JSON lines in UTF-8`, JSONLOptions{}},
		{"depth", `{"b":` + strings.Repeat("[", 200) + "}", `FILE:1: key "b": a value is nested more than 100 deep`, JSONLOptions{Columns: []string{"a"}, Types: map[string]Type{"a": Int64}}},
		{"id is a key", `{"a":1}`, `FILE: the file has a key "a", so that no column of that name can be added`, JSONLOptions{ID: "a"}},
	} {
		path := writeFile(t, "t.jsonl", c.text)
		want := strings.ReplaceAll(c.want, "FILE", path)
		for _, n := range []int{1, 2, 3, 5} {
			if _, _, err := readLines(t, n, []string{path}, c.o); text(err) != want {
				t.Errorf("%s, %d ranks:\n got %s\nwant %s", c.name, n, text(err), want)
			}
		}
	}
}

// Objects over many files and ranks, held to encoding/json.
func TestReadJSONLOverRanks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for trial := range 30 {
		dir := t.TempDir()
		var want []string
		for f := range 1 + r.IntN(6) {
			var text []byte
			for range []int{0, 1, 30, 300}[r.IntN(4)] {
				row, shown := map[string]any{}, []string{"(null)", "(null)", "(null)"}
				if r.IntN(4) > 0 {
					v := r.IntN(1000)
					row["i"], shown[0] = v, fmt.Sprint(v)
				}
				if s := []string{"", "ä\n", `"q"\`, "\u2028<&>", "plain"}[r.IntN(5)]; r.IntN(4) > 0 {
					row["s"], shown[1] = s, s
				}
				if r.IntN(4) > 0 {
					row["b"], shown[2] = true, "true"
				}
				line, err := json.Marshal(row)
				if err != nil {
					t.Fatal(err)
				}
				text = append(append(text, line...), '\n')
				want = append(want, strings.Join(shown, "|"))
			}
			name := fmt.Sprintf("%d.ndjson", f)
			if r.IntN(3) == 0 {
				write(t, dir, name+".zst", zstdOf(t, string(text)))
			} else {
				write(t, dir, name, text)
			}
		}
		o := JSONLOptions{Columns: []string{"i", "s", "b"}, Types: map[string]Type{"i": Int64, "s": String, "b": Bool}}
		for _, n := range []int{1, 2, 3, 5} {
			got, _, err := readLines(t, n, []string{dir}, o)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("trial %d, %d ranks: %v\n%q\n%q", trial, n, err, got, want)
			}
		}
	}
}

// FuzzReadJSONL: lines that are read are JSON to encoding/json, with the same number of objects, and
// two ranks read what one reads.
func FuzzReadJSONL(f *testing.F) {
	for _, s := range []string{"", "{}\n", `{"a":1,"b":"x\u00e4\n","c":[{},1e5],"d":-0.5e-3}`, "{\"a\":true}\n{\"a\":null}\n", `{"a":"\ud800"}`, `{"":""}`, "{\"a\":[1,]}", "{\"a\":{\"b\":1,}}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "t.jsonl")
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		one, columns1, err1 := readLines(t, 1, []string{path}, JSONLOptions{})
		two, columns2, err2 := readLines(t, 2, []string{path}, JSONLOptions{})
		if (err1 == nil) != (err2 == nil) || err1 == nil && (columns1 != columns2 || !slices.Equal(one, two)) {
			t.Fatalf("one rank: %v, %q of %s; two: %v, %q of %s", err1, one, columns1, err2, two, columns2)
		}
		objects := 0
		for _, line := range strings.Split(strings.TrimPrefix(string(b), "\ufeff"), "\n") {
			if len(strings.TrimSpace(line)) == 0 {
				continue
			}
			objects++
			s := jsonScanner{b: []byte(line)}
			err := s.open()
			for ok := true; ok && err == nil; {
				if _, ok, err = s.key(); ok && err == nil {
					_, _, err = s.value()
				}
			}
			var v map[string]any
			if valid := json.Unmarshal([]byte(line), &v) == nil && v != nil && utf8.ValidString(line); valid != (err == nil) &&
				!strings.Contains(fmt.Sprint(err), "nested more than") && (valid || json.Valid([]byte(line)) == false) {
				t.Fatalf("%q: encoding/json takes it: %v; the scanner: %v", line, valid, err)
			}
		}
		if err1 == nil && len(one) != objects && columns1 != "" {
			t.Fatalf("%d rows of %d objects", len(one), objects)
		}
	})
}
