package frame

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// CSVWriteOptions says how [WriteCSV] writes. All ranks pass the same.
type CSVWriteOptions struct {
	// Comma separates the fields; 0 means a comma.
	Comma byte
	// PartitionBy are the columns whose cells name the folders that the files go to,
	// key=value, instead of being in them: integers, booleans, text or dates. Not for
	// [WriteCSVFile].
	PartitionBy []string
}

// WriteCSV writes a table to a folder, which is made, or exists and is empty: files
// part-00000.csv and so on, or hive folders of them, one for each rank that has rows, as [WriteParquet]
// does. [ReadCSVFiles] of the folder gives the rows in the same order.
//
// Files have a header, and lines end in \n. A missing cell is empty; an empty text is "", which
// [ReadCSV] takes for missing, too, as it does other text of blanks only, and marks such as NA. Floats
// are the shortest text that is read as the same number; NaN is NaN, one of those marks. Times are as 2006-01-02 15:04:05.000001, with a zone in UTC with
// a Z; durations are the number of their unit. Text with a NUL byte and years beyond
// 9999 are errors. Files appear whole or not at all; if one rank fails, no file stays.
// Errors name file and column. Collective.
func WriteCSV(c collective.Comm, t *Table, folder string, o CSVWriteOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	return writeParts(c, "write CSV", t, folder, o.PartitionBy, partFormat{".csv", func(path string, s *arrow.Schema) (partWriter, error) {
		return newTextWriter(path, newCSVStyle(s, o.Comma))
	}})
}

// WriteCSVFile writes a table to one file, which must not exist: the rows of all ranks in
// order. Rank 0 writes it, with some rows of the others in memory. All else is as in [WriteCSV].
// Collective.
func WriteCSVFile(c collective.Comm, t *Table, path string, o CSVWriteOptions) error {
	if len(o.PartitionBy) > 0 {
		return fmt.Errorf("frame: write CSV: one file has no folders for the keys %s", list(o.PartitionBy))
	}
	if err := o.check(); err != nil {
		return err
	}
	return writeOne(c, "write CSV", t, path, newCSVStyle(t.schema, o.Comma))
}

func (o *CSVWriteOptions) check() error {
	if o.Comma != 0 && isFieldByte(o.Comma) {
		return fmt.Errorf("frame: write CSV: fields cannot be separated by %q", o.Comma)
	}
	return nil
}

// csvStyle writes records of RFC 4180 with \n at their ends.
type csvStyle struct {
	comma byte
	names []string
	need  string // bytes for which a field is quoted
}

func newCSVStyle(s *arrow.Schema, comma byte) *csvStyle {
	if comma == 0 {
		comma = ','
	}
	c := &csvStyle{comma: comma, need: "\"\r\n" + string(rune(comma))}
	for _, f := range s.Fields() {
		c.names = append(c.names, f.Name)
	}
	return c
}

func (s *csvStyle) head(dst []byte) []byte {
	for i, n := range s.names {
		dst = s.text(s.before(dst, i), []byte(n))
	}
	return s.end(dst)
}

func (s *csvStyle) before(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, s.comma)
	}
	return dst
}

func (s *csvStyle) text(dst, cell []byte) []byte {
	if len(cell) > 0 && !bytes.ContainsAny(cell, s.need) {
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	for _, b := range cell {
		if b == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}

func (s *csvStyle) time(dst, cell []byte) []byte { return append(dst, cell...) }

// null is nothing; alone in its line it is quoted, since readers pass over blank lines.
func (s *csvStyle) null() string {
	if len(s.names) == 1 {
		return `""`
	}
	return ""
}

func (s *csvStyle) end(dst []byte) []byte { return append(dst, '\n') }
func (s *csvStyle) finite() bool          { return false }
