package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// ParquetWriteOptions says how [WriteParquet] writes. All ranks pass the same.
type ParquetWriteOptions struct {
	// RowGroup is the number of rows of a row group, as in [ParquetOptions].
	RowGroup int
	// PartitionBy are the columns whose cells name the folders that the files go to,
	// key=value, instead of being in them: integers, booleans, text or dates.
	PartitionBy []string
}

// WriteParquet writes a table to a folder, which is made, or exists and is empty. Each rank
// that has rows writes its own in order to part-00000.parquet and so on, by its number; if no
// rank has any, rank 0 writes a file without rows. [ReadParquet] of the folder gives the
// table again, in the same order. With PartitionBy each rank writes a file to the
// folder of each combination of keys that it has, and reading gives them in the order of the
// folders; a table without rows leaves the folder empty.
//
// The files are those of a [ParquetWriter], each whole or not at all; if one rank fails, no
// file stays. Durations are an error, since Arrow's writer has none; times in seconds become
// milliseconds, and dates in milliseconds become days. Errors name the file. Collective.
func WriteParquet(c collective.Comm, t *Table, folder string, o ParquetWriteOptions) error {
	const what = "write Parquet"
	if err := o.Check(t.schema); err != nil {
		return err
	}
	return writeParts(c, what, t, folder, o.PartitionBy, partFormat{".parquet", func(path string, s *arrow.Schema) (partWriter, error) {
		return NewParquetWriter(path, s, ParquetOptions{RowGroup: o.RowGroup, Alloc: t.mem})
	}})
}

// Check is the error of [WriteParquet] for a table with such columns, whatever its cells.
func (o ParquetWriteOptions) Check(s *arrow.Schema) error {
	const what = "write Parquet"
	for _, f := range s.Fields() {
		if f.Type.ID() == arrow.DURATION {
			return fmt.Errorf("frame: %s: column %s holds durations, which Parquet has no type for; cast it to int64", what, quote(f.Name))
		}
	}
	if o.RowGroup < 0 {
		return fmt.Errorf("frame: %s: %d rows in a row group: want 1 or more, or 0 for %d", what, o.RowGroup, defaultRowGroup)
	}
	return wrap(what, checkFolderKeys(s, o.PartitionBy))
}
