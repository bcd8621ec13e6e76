package frame

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

func wantHuge(t *testing.T) {
	t.Helper()
	if os.Getenv("DEEPRC_TEST_HUGE") == "" {
		t.Skip("set DEEPRC_TEST_HUGE=1 to work on columns of more than 2 GiB; needs 12 GB of memory and 6 GB of disk")
	}
}

// numberedTexts has the columns n, 0 … rows−1 from first on, and text: 64 characters, n in front.
func numberedTexts(rows, first int) *Table {
	const width = 64
	off, text := newBuffer(nil, 8*(rows+1)), newBuffer(nil, width*rows)
	numbers := newBuffer(nil, 8*rows)
	o, b, n := view[int64](off), text.Bytes(), view[int64](numbers)
	for i := range rows {
		n[i] = int64(first + i)
		cell := b[width*i:][:width]
		k := copy(cell, strconv.AppendInt(nil, n[i], 10))
		for ; k < width; k++ {
			cell[k] = '.'
		}
		o[i+1] = int64(width * (i + 1))
	}
	return newTable(nil, []arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "text", Type: arrow.BinaryTypes.LargeString, Nullable: true}},
		[]arrow.Array{newArray(arrow.PrimitiveTypes.Int64, rows, 0, nil, numbers), newArray(arrow.BinaryTypes.LargeString, rows, 0, nil, off, text)}, rows)
}

// checkNumberedTexts checks each row by itself, and that all are there.
func checkNumberedTexts(t *Table, rows int) error {
	if t.NumRows() != rows {
		return fmt.Errorf("%d rows, want %d", t.NumRows(), rows)
	}
	var sum int64
	for _, rec := range t.Chunks() {
		n, text := see(rec.Column(0)), see(rec.Column(1))
		for i, v := range values[int64](&n) {
			s := text.str(i)
			want := strconv.AppendInt(nil, v, 10)
			if len(s) != 64 || string(s[:len(want)]) != string(want) || s[len(want)] != '.' {
				return fmt.Errorf("row %d, n = %d, has the text %.80q", i, v, s)
			}
			sum += v
		}
	}
	if want := int64(rows) * int64(rows-1) / 2; sum != want {
		return fmt.Errorf("the numbers add up to %d, want %d", sum, want)
	}
	return nil
}

// TestHugeTexts: one rank's column of more than 2³¹ bytes of text is sent, written, read and joined by.
func TestHugeTexts(t *testing.T) {
	wantHuge(t)
	const rows = 36_000_000
	dir := t.TempDir()
	err := collective.RunLocal(2, func(c collective.Comm) error {
		lo, hi := collective.Share(rows, c.Rank(), 2)
		half := numberedTexts(hi-lo, lo)
		key, err := Compute(c, half, "key", "1")
		half.Release()
		if err != nil {
			return err
		}
		one, err := PartitionBy(c, key, "key") // all to one rank
		key.Release()
		if err != nil {
			return err
		}
		defer func() { one.Release() }()
		if n := one.NumRows(); n != 0 {
			if err := checkNumberedTexts(one, rows); err != nil {
				return fmt.Errorf("sent: %w", err)
			}
		}
		if err := WriteIPC(c, one, filepath.Join(dir, "ipc"), IPCWriteOptions{}); err != nil {
			return err
		}
		return WriteParquet(c, one, filepath.Join(dir, "parquet"), ParquetWriteOptions{})
	})
	if err != nil {
		t.Fatal(err)
	}
	alone := collective.Local(1)[0]
	for name, read := range map[string]func() (*Table, ReadStats, error){
		"ipc": func() (*Table, ReadStats, error) {
			return ReadIPC(alone, []string{filepath.Join(dir, "ipc")}, IPCReadOptions{})
		},
		"parquet": func() (*Table, ReadStats, error) {
			return ReadParquet(alone, []string{filepath.Join(dir, "parquet")}, ParquetReadOptions{})
		},
	} {
		got, _, err := read()
		if err != nil {
			t.Fatal(name, err)
		}
		if err := checkNumberedTexts(got, rows); err != nil {
			t.Error(name, err)
		}
		if name == "ipc" {
			few := numberedTexts(1000, rows-1000)
			out, err := Join(alone, got, few, JoinOptions{Kind: Semi, On: []string{"text"}})
			if err != nil || out.NumRows() != 1000 {
				t.Errorf("joined by text: %v, %v", out, err)
			}
			if out != nil {
				out.Release()
			}
			few.Release()
		}
		got.Release()
	}
}

// TestHugeNumbers: a column of numbers of more than 2³¹ bytes is sorted by one rank.
func TestHugeNumbers(t *testing.T) {
	wantHuge(t)
	const rows = 280_000_000
	numbers := newBuffer(nil, 8*rows)
	for i, n := 0, view[int64](numbers); i < rows; i++ {
		n[i] = int64(i) * 48_271 % rows // each number once: 48271 is prime and no factor of rows
	}
	in := newTable(nil, []arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, []arrow.Array{newArray(arrow.PrimitiveTypes.Int64, rows, 0, nil, numbers)}, rows)
	out, err := Sort(collective.Local(1)[0], in, SortKey{Column: "n", Desc: true})
	in.Release()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	n, err := out.Int64s("n")
	if err != nil || len(n) != rows {
		t.Fatalf("%d rows: %v", len(n), err)
	}
	for i, v := range n {
		if v != int64(rows-1-i) {
			t.Fatalf("row %d is %d", i, v)
		}
	}
}
