package frame

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// Files of PyArrow, Polars and DuckDB, with encodings and compressions that Arrow's Go writer
// lacks, have the cells of one table; testdata/others/write.py wrote them.
func TestFilesOfOthers(t *testing.T) {
	m := checked(t)
	read := func(path string) *Table {
		var tab *Table
		var err error
		if strings.HasSuffix(path, ".arrow") {
			tab, _, err = ReadIPC(collective.Local(1)[0], []string{path}, IPCReadOptions{Memory: m})
		} else {
			tab, err = readOne(t, m, ParquetReadOptions{}, path)
		}
		if err != nil {
			t.Fatal(err)
		}
		return tab
	}
	want := read("testdata/others/pyarrow.arrow")
	defer want.Release()
	if want.NumRows() != 150 || len(want.Chunks()) != 3 {
		t.Errorf("%d rows in %d chunks", want.NumRows(), len(want.Chunks()))
	}
	files, err := filepath.Glob("testdata/others/*.[ap]*r*")
	if err != nil || len(files) != 10 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		tab := read(path)
		if x, y := schemaText(tab.schema), schemaText(want.schema); x != y {
			t.Errorf("%s: %s", path, difference(y, x, "pyarrow.arrow"))
		} else {
			for i, f := range want.schema.Fields() {
				if !array.Equal(tab.Record().Column(i), want.Record().Column(i)) {
					t.Errorf("%s: column %s has other cells", path, f.Name)
				}
			}
		}
		tab.Release()
	}
}

// filesOfOthers is the files of testdata/others that match a pattern.
func filesOfOthers(t testing.TB, pattern string) [][]byte {
	paths, err := filepath.Glob("testdata/others/" + pattern)
	if err != nil || len(paths) == 0 {
		t.Fatal(pattern, err)
	}
	files := make([][]byte, len(paths))
	for i, p := range paths {
		if files[i], err = os.ReadFile(p); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
