package frame

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// A table that is written and read, on any numbers of ranks, has the same rows in order.
func TestWriteParquet(t *testing.T) {
	for _, rows := range []int{0, 1, 200} {
		rec := someTable(nil, rand.New(rand.NewPCG(7, 0)), rows, 20)
		for _, n := range ranksOfTest {
			folder := filepath.Join(t.TempDir(), "new", "folder")
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab := cut(c, checked(t), rec, uint64(n))
				defer tab.Release()
				return WriteParquet(c, tab, folder, ParquetWriteOptions{RowGroup: 30})
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, readers := range ranksOfTest {
				got, _, err := readRows(t, readers, func(c collective.Comm, m *Memory) (*Table, error) {
					tab, _, err := ReadParquet(c, []string{folder}, ParquetReadOptions{Memory: m})
					return tab, err
				})
				if err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("%d rows written on %d ranks, read on %d", rows, n, readers), got, rowsOf(rec))
			}
		}
	}
}

func TestWriteParquetTypes(t *testing.T) {
	schema, recs := allTypes()
	schema, recs = storable(t, schema, recs)
	m := checked(t)
	want := tableOf(t, m, schema, recs)
	defer want.Release()
	folder := t.TempDir()
	c := collective.Local(1)[0]
	if err := WriteParquet(c, want, folder, ParquetWriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := readOne(t, m, ParquetReadOptions{}, folder)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Release()
	sameRows(t, got, want)
}

// Each combination of keys, missing ones and odd names included, has its folder and comes back.
func TestWritePartitionBy(t *testing.T) {
	s := arrow.NewSchema([]arrow.Field{
		{Name: "a key", Type: arrow.BinaryTypes.LargeString, Nullable: true},
		{Name: "n", Type: arrow.PrimitiveTypes.Int16, Nullable: true},
		{Name: "row", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	texts := []string{"x", "../..", "a=b/ü", "", "50%"}
	for i := range 120 {
		if i%6 == 5 {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.LargeStringBuilder).Append(texts[i%6])
		}
		if i%4 == 3 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int16Builder).Append(int16(i%4 - 1))
		}
		b.Field(2).(*array.Int64Builder).Append(int64(i))
	}
	rec := b.NewRecord()
	want := rowsOf(rec)
	slices.Sort(want)
	by, all := []string{"a key", "n"}, []string{"a key", "n", "row"}
	for i := range 2 * len(ranksOfTest) {
		n, parquet := ranksOfTest[i/2], i%2 == 0
		folder := t.TempDir()
		err := collective.RunLocal(n, func(c collective.Comm) error {
			tab := cut(c, checked(t), rec, uint64(n))
			defer tab.Release()
			if parquet {
				return WriteParquet(c, tab, folder, ParquetWriteOptions{PartitionBy: by})
			}
			return WriteIPC(c, tab, folder, IPCWriteOptions{PartitionBy: by})
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range list {
			names = append(names, e.Name())
		}
		if got := fmt.Sprint(names); got != "[a%20key= a%20key=..%2F.. a%20key=50%25 a%20key=__HIVE_DEFAULT_PARTITION__ a%20key=a%3Db%2Fü a%20key=x]" {
			t.Errorf("folders %s", got)
		}
		got, _, err := readRows(t, n, func(c collective.Comm, m *Memory) (*Table, error) {
			if parquet {
				tab, _, err := ReadParquet(c, []string{folder}, ParquetReadOptions{Memory: m, Columns: all})
				return tab, err
			}
			tab, _, err := ReadIPC(c, []string{folder}, IPCReadOptions{Memory: m, Columns: all})
			return tab, err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		same(t, fmt.Sprint(n), got, want)
	}
}

func TestWriteParquetErrors(t *testing.T) {
	rec := someTable(nil, rand.New(rand.NewPCG(7, 0)), 40, 20)
	full := t.TempDir()
	write(t, full, "old", nil)
	d := arrow.NewSchema([]arrow.Field{{Name: "d", Type: arrow.FixedWidthTypes.Duration_s, Nullable: true}}, nil)
	durations := array.NewRecord(d, []arrow.Array{array.MakeArrayOfNull(memory.DefaultAllocator, d.Field(0).Type, 0)}, 0)
	for _, test := range []struct {
		rec    arrow.Record
		folder string
		by     []string
		want   string
	}{
		{rec, full, nil, full + `: the folder is not empty: it has "old"; remove it or write elsewhere`},
		{rec, full + "/old", nil, full + "/old: not a directory"},
		{durations, t.TempDir(), nil, `column "d" holds durations, which Parquet has no type for; cast it to int64`},
		{rec, t.TempDir(), []string{"K"}, `no column "K"; did you mean "k"?; columns: k, s, f, b, i, row`},
		{rec, t.TempDir(), []string{"k", "k"}, `key column "k" is given twice`},
		{rec, t.TempDir(), []string{"f"}, `key column "f" is float64; cast it to text, or to integers`},
		{rec, t.TempDir(), []string{"k", "s", "f", "b", "i", "row"}, `all columns are keys, so that the files would have none`},
	} {
		for _, n := range ranksOfTest {
			err := collective.RunLocal(n, func(c collective.Comm) error {
				tab := cut(c, checked(t), test.rec, 1)
				defer tab.Release()
				return WriteParquet(c, tab, test.folder, ParquetWriteOptions{PartitionBy: test.by})
			})
			if err == nil || !strings.Contains(err.Error(), "frame: write Parquet: ") || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("%d ranks: got %v\nwant %s", n, err, test.want)
			}
		}
	}
}

// Where one rank cannot write, no rank's file stays.
func TestWriteParquetDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small tmpfs cannot be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	for _, by := range [][]string{nil, {"b"}} {
		rec := someTable(nil, rand.New(rand.NewPCG(7, 0)), 40_000, 20)
		err := collective.RunLocal(2, func(c collective.Comm) error {
			lo, hi := int64(0), int64(20) // of rank 0, which succeeds
			if c.Rank() == 1 {
				lo, hi = 20, rec.NumRows()
			}
			tab := tableOf(t, checked(t), rec.Schema(), []arrow.Record{rec.NewSlice(lo, hi)})
			defer tab.Release()
			return WriteParquet(c, tab, dir+"/out", ParquetWriteOptions{PartitionBy: by})
		})
		if err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("got %v", err)
		}
		if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				err = errors.New(path + " is left")
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir + "/out"); err != nil {
			t.Fatal(err)
		}
	}
}
