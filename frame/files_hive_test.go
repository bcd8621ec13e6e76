package frame

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// Keys of hive folders that a writer made come back as columns, where and in the order that is asked for.
func TestTextHiveFolders(t *testing.T) {
	dir := t.TempDir()
	err := collective.RunLocal(2, func(c collective.Comm) error {
		m := checked(t)
		text := func(s string, n int) arrow.Array {
			k := hiveKey{typ: String, values: []*string{&s}}
			return k.column(m, 0, n)
		}
		year := hiveKey{typ: Int64, values: []*string{nil}}
		fields := []arrow.Field{{Name: "site", Type: String, Nullable: true}, {Name: "v", Type: String, Nullable: true}, {Name: "year", Type: Int64, Nullable: true}}
		tab := newTable(m, fields, []arrow.Array{text([]string{"a/b", "ä"}[c.Rank()], 2), text("x", 2), year.column(m, 0, 2)}, 2)
		defer tab.Release()
		if err := WriteCSV(c, tab, filepath.Join(dir, "csv"), CSVWriteOptions{PartitionBy: []string{"site", "year"}}); err != nil {
			return err
		}
		return WriteJSONL(c, tab, filepath.Join(dir, "jsonl"), JSONLWriteOptions{PartitionBy: []string{"site", "year"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		columns []string
		names   string
		want    []string
	}{
		{nil, "v large_utf8, site large_utf8, year int64", []string{"x|a/b|(null)", "x|a/b|(null)", "x|ä|(null)", "x|ä|(null)"}},
		{[]string{"site", "v"}, "site large_utf8, v large_utf8", []string{"a/b|x", "a/b|x", "ä|x", "ä|x"}},
		{[]string{"year", "v", "site"}, "year int64, v large_utf8, site large_utf8", []string{"(null)|x|a/b", "(null)|x|a/b", "(null)|x|ä", "(null)|x|ä"}},
		{[]string{"site"}, "site large_utf8", []string{"a/b", "a/b", "ä", "ä"}},
	} {
		for _, n := range []int{1, 2, 3, 5} {
			for _, format := range []string{"csv", "jsonl"} {
				got, names, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
					if format == "csv" {
						tab, _, err := ReadCSVFiles(c, []string{filepath.Join(dir, "csv")}, CSVOptions{Columns: f.columns, Memory: m})
						return tab, err
					}
					tab, _, err := ReadJSONL(c, []string{filepath.Join(dir, "jsonl")}, JSONLOptions{Columns: f.columns, Memory: m})
					return tab, err
				})
				if err != nil || names != f.names || !slices.Equal(got, f.want) {
					t.Errorf("%s, columns %v, %d ranks: %v: %q of %s", format, f.columns, n, err, got, names)
				}
			}
		}
	}
	write(t, dir, "k=1/a.csv", []byte("k,v\n1,2\n"))
	path := filepath.Join(dir, "k=1", "a.csv")
	want := path + `: the file has a column "k", so that none of that name can be added`
	if _, _, err := readFiles(t, 2, []string{path}, CSVOptions{}); text(err) != want {
		t.Errorf("got %s\nwant %s", text(err), want)
	}
	if _, err := readWhole(t, path, 2, CSVOptions{}); err != nil {
		t.Errorf("one file is read without its folders: %v", err)
	}
}

// A wrong first line is what is reported, not that no key was found.
func TestReadJSONLWrongStart(t *testing.T) {
	for s, want := range map[string]string{
		"[\n{}]":      "FILE:1: " + errJSONArray.Error(),
		"{\n\"a\":1}": "FILE:1: " + errOpenLine.Error(),
		"1\n":         "FILE:1: " + errNoObject.Error(),
		"{}\n{}\n":    "FILE: no object has a key, so that the table would have no columns; give their types",
	} {
		path := writeFile(t, "t.jsonl", s)
		for _, n := range []int{1, 2, 3} {
			_, _, err := readOnRanks(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
				tab, _, err := ReadJSONL(c, []string{path}, JSONLOptions{Memory: m})
				return tab, err
			})
			if want := strings.ReplaceAll(want, "FILE", path); text(err) != want {
				t.Errorf("%q on %d ranks: got %s\nwant %s", s, n, text(err), want)
			}
		}
	}
	path := writeFile(t, "t.jsonl", "{}\n{\"b\":1}\n")
	rows, _, err := readOnRanks(t, 2, func(c collective.Comm, m *Memory) (*Table, error) {
		tab, _, err := ReadJSONL(c, []string{path}, JSONLOptions{Columns: []string{"a", "b"}, Types: map[string]Type{"a": Bool}, Memory: m})
		return tab, err
	})
	if err != nil || !slices.Equal(rows, []string{"(null)|(null)", "(null)|1"}) {
		t.Errorf("a column that no object has: %v, %q", err, rows)
	}
}
