package frame

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

var forecastSchema = arrow.NewSchema([]arrow.Field{
	{Name: "unique_id", Type: arrow.BinaryTypes.String},
	{Name: "series", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}},
	{Name: "ds", Type: &arrow.TimestampType{Unit: arrow.Microsecond}},
	{Name: "y", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
}, nil)

// forecasts is n rows of forecastSchema, numbered from first.
func forecasts(mem memory.Allocator, first, n int) arrow.Record {
	b := array.NewRecordBuilder(mem, forecastSchema)
	defer b.Release()
	for i := first; i < first+n; i++ {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("basin-%d", i%7))
		if err := b.Field(1).(*array.BinaryDictionaryBuilder).AppendString([]string{"a", "b"}[i%2]); err != nil {
			panic(err)
		}
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(i * 3600 * usPerSec))
		if i%5 == 0 {
			b.Field(3).AppendNull()
			b.Field(4).AppendNull()
		} else {
			b.Field(3).(*array.Float32Builder).Append(float32(i) / 3)
			b.Field(4).(*array.Int64Builder).Append(int64(i * 7919 % 10007))
		}
	}
	return b.NewRecord()
}

func TestParquetWriterRoundTrip(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	path := filepath.Join(t.TempDir(), "f.parquet")
	w, err := NewParquetWriter(path, forecastSchema, ParquetOptions{RowGroup: 1000, Alloc: mem})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	var want []arrow.Record
	rows := 0
	for _, n := range []int{10, 0, 985, 1, 2500, 4} {
		rec := forecasts(mem, rows, n)
		defer rec.Release()
		want = append(want, rec)
		rows += n
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file has its name before Close")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Errorf("Abort after Close: %v", err)
	}
	onlyFiles(t, filepath.Dir(path), "f.parquet")

	pf, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer pf.Close()
	if pf.NumRows() != int64(rows) || pf.NumRowGroups() != 4 {
		t.Errorf("%d rows in %d row groups, want %d in 4", pf.NumRows(), pf.NumRowGroups(), rows)
	}
	for i, dict := range []bool{true, true, false, false, false} {
		col, err := pf.MetaData().RowGroup(0).ColumnChunk(i)
		if err != nil {
			t.Fatal(err)
		}
		if col.HasDictionaryPage() != dict || col.Compression().String() != "ZSTD" {
			t.Errorf("column %d: dictionary %v, compression %v", i, col.HasDictionaryPage(), col.Compression())
		}
	}
	r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, mem)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	exp := array.NewTableFromRecords(forecastSchema, want)
	defer exp.Release()
	for i, f := range forecastSchema.Fields() {
		if g := got.Schema().Field(i); g.Name != f.Name || !arrow.TypeEqual(g.Type, f.Type) || g.Nullable != f.Nullable {
			t.Errorf("field %v was read back as %v", f, g)
		}
		if g, w := cells(got.Column(i).Data()), cells(exp.Column(i).Data()); g != w {
			t.Errorf("column %s was read back otherwise", f.Name)
		}
	}
}

// cells is a column as text, whatever its chunks and dictionaries.
func cells(c *arrow.Chunked) string {
	var b strings.Builder
	for _, a := range c.Chunks() {
		for i := range a.Len() {
			b.WriteString(a.ValueStr(i))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestParquetWriterAborts(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	dir := t.TempDir()
	w, err := NewParquetWriter(filepath.Join(dir, "f.parquet"), forecastSchema, ParquetOptions{Alloc: mem})
	if err != nil {
		t.Fatal(err)
	}
	rec := forecasts(mem, 0, 100)
	defer rec.Release()
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, dir)
}

func TestParquetWriterReplaces(t *testing.T) {
	path := writeFile(t, "f.parquet", "mine")
	w, err := NewParquetWriter(path, forecastSchema, ParquetOptions{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("before Close: %q, %v", b, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "PAR1") {
		t.Errorf("not replaced: %.10q, %v", b, err)
	}
}

func TestParquetWriterKeepsExisting(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f.parquet")
	late, err := NewParquetWriter(path, forecastSchema, ParquetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = NewParquetWriter(path, forecastSchema, ParquetOptions{})
	if want := path + ": file already exists and is not overwritten; remove it or write elsewhere"; fmt.Sprint(err) != want || !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if err := late.Close(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Close over a file that has appeared: %v", err)
	}
	onlyFiles(t, dir, "f.parquet")
	if b, err := os.ReadFile(path); string(b) != "mine" {
		t.Errorf("the file was changed: %q, %v", b, err)
	}
	_, err = NewParquetWriter(filepath.Join(dir, "no", "f.parquet"), forecastSchema, ParquetOptions{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("folder that does not exist: %v", err)
	}
}

func TestParquetWriterWrongSchema(t *testing.T) {
	dir := t.TempDir()
	w, err := NewParquetWriter(filepath.Join(dir, "f.parquet"), forecastSchema, ParquetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rec := array.NewRecord(arrow.NewSchema(nil, nil), nil, 0)
	if err := w.Write(rec); err == nil {
		t.Error("a record of another schema is written")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	onlyFiles(t, dir)
}

func TestParquetWriterDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	for _, group := range []int{1000, 0} { // full while writing, full in Close
		path := filepath.Join(dir, "f.parquet")
		w, err := NewParquetWriter(path, forecastSchema, ParquetOptions{RowGroup: group})
		if err != nil {
			t.Fatal(err)
		}
		rec := forecasts(memory.DefaultAllocator, 0, 200_000)
		werr := w.Write(rec)
		rec.Release()
		cerr := w.Close()
		if !errors.Is(cerr, syscall.ENOSPC) || werr != nil && !errors.Is(werr, syscall.ENOSPC) || group > 0 && werr == nil {
			t.Errorf("row groups of %d: Write %v, Close %v", group, werr, cerr)
		}
		if want := path + ": write: no space left on device"; fmt.Sprint(cerr) != want {
			t.Errorf("got %v\nwant %s", cerr, want)
		}
		onlyFiles(t, dir)
	}
}

// onlyFiles fails unless dir holds exactly these, hidden ones included.
func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}
