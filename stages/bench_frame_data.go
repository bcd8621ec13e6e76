package stages

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/frame"
)

// frameData is the workload of Cylon's benchmarks (Perera et al. 2022): two tables of two int64
// columns, left (k, a) and right (k, b), all uniform in 0 … 0.9·rows. A cell depends on the seed and its place only.
type frameData struct {
	rows int
	seed uint64
}

// benchSide is one of the two tables.
type benchSide int

const (
	leftSide benchSide = iota
	rightSide
)

func (s benchSide) String() string { return [...]string{"left", "right"}[s] }

func (s benchSide) columns() [2]string { return [2]string{"k", [...]string{"a", "b"}[s]} }

func (s benchSide) schema() *arrow.Schema {
	var fields []arrow.Field
	for _, name := range s.columns() {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// cells fills to with a column's cells from row first on.
func (d frameData) cells(s benchSide, column, first int, to []int64) {
	n := uint64(max(1, d.rows/10*9+d.rows%10*9/10))
	stream := d.seed*4 + uint64(s)*2 + uint64(column)
	for i := range to {
		hi, _ := bits.Mul64(mix64(mix64(stream)+uint64(first+i)), n)
		to[i] = int64(hi)
	}
}

// mix64 is a step of SplitMix64 (Steele, Lea and Flood 2014).
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// record is rows lo … hi of a table, in mem.
func (d frameData) record(mem memory.Allocator, s benchSide, lo, hi int) arrow.Record {
	cols := make([]arrow.Array, 2)
	for i := range cols {
		b := memory.NewResizableBuffer(mem)
		b.Resize((hi - lo) * 8)
		d.cells(s, i, lo, arrow.Int64Traits.CastFromBytes(b.Bytes()))
		data := array.NewData(arrow.PrimitiveTypes.Int64, hi-lo, []*memory.Buffer{nil, b}, nil, 0, 0)
		b.Release()
		cols[i] = array.MakeFromData(data)
		data.Release()
		defer cols[i].Release()
	}
	return array.NewRecord(s.schema(), cols, int64(hi-lo))
}

// benchSlab is how many rows are written at a time.
const benchSlab = 1 << 20

// path is the file of a table; one that is there holds what write would write.
func (d frameData) path(dir string, s benchSide, format string) string {
	return filepath.Join(dir, fmt.Sprintf("%v-%d-%d.%s", s, d.rows, d.seed, format))
}

// write makes the file of a table unless it is there.
func (d frameData) write(dir string, s benchSide, format string) (path string, err error) {
	path = d.path(dir, s, format)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if format == "csv" {
		return path, writeAtomic(path, func(w io.Writer) error { return d.writeCSV(w, s) })
	}
	w, err := frame.NewParquetWriter(path, s.schema(), frame.ParquetOptions{})
	if err != nil {
		return path, err
	}
	defer w.Abort()
	for lo := 0; lo < d.rows; lo += benchSlab {
		rec := d.record(memory.DefaultAllocator, s, lo, min(d.rows, lo+benchSlab))
		err := w.Write(rec)
		rec.Release()
		if err != nil {
			return path, err
		}
	}
	return path, w.Close()
}

func (d frameData) writeCSV(w io.Writer, s benchSide) error {
	names := s.columns()
	line := fmt.Appendf(nil, "%s,%s\n", names[0], names[1])
	var slab [2][]int64
	for lo := 0; lo < d.rows; lo += benchSlab {
		n := min(d.rows-lo, benchSlab)
		for i := range slab {
			slab[i] = make([]int64, n)
			d.cells(s, i, lo, slab[i])
		}
		for i, k := range slab[0] {
			line = append(strconv.AppendInt(line, k, 10), ',')
			line = append(strconv.AppendInt(line, slab[1][i], 10), '\n')
			if len(line) > 1<<16 || i == n-1 {
				if _, err := w.Write(line); err != nil {
					return err
				}
				line = line[:0]
			}
		}
	}
	return nil
}
