package frame

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// CSVWriteOptions says how [WriteCSV] and [WriteCSVFile] write. All ranks pass the same.
type CSVWriteOptions struct {
	// Comma separates the fields; 0 means a comma.
	Comma byte
	// NoHeader leaves out the line with the columns' names.
	NoHeader bool
	// NA is what stands for a missing cell; [ReadCSV] takes text that is the same for missing too.
	NA string
	// PartitionBy are the columns whose cells name the folders that the files go to, as in
	// [ParquetWriteOptions]; not of WriteCSVFile.
	PartitionBy []string
}

// WriteCSV writes a table to a folder of CSV files, part-00000.csv and so on, laid out as
// [WriteParquet] does; each has the header. The format is RFC 4180 with line ends \n; cells
// are written so that [ReadCSV] gives them again where it is told their types: floats to the
// last bit, with a decimal point or exponent, times in UTC as 2006-01-02 15:04:05.999, durations
// as whole numbers of their unit, binary cells as their bytes. But an empty text is read as
// missing, and so is NaN with the marks of ReadCSV; it refuses infinities. NUL bytes and times
// outside of the years 0 to 9999 are errors. Each file is whole or not at all; if one
// rank fails, no file stays. Errors name the file and column. Collective.
func WriteCSV(c collective.Comm, t *Table, folder string, o CSVWriteOptions) error {
	const what = "write CSV"
	if err := o.Check(t.schema); err != nil {
		return err
	}
	return writeLines(c, what, t, folder, ".csv", o.PartitionBy, o.format)
}

// WriteCSVFile writes the rows of all ranks, in their order, to one file, as [WriteCSV] does.
// Rank 0 writes it and gets the others' rows in small batches. Collective.
func WriteCSVFile(c collective.Comm, t *Table, path string, o CSVWriteOptions) error {
	const what = "write CSV"
	if len(o.PartitionBy) > 0 {
		return fmt.Errorf("frame: %s: one file cannot be partitioned; write to a folder", what)
	}
	if err := o.Check(t.schema); err != nil {
		return err
	}
	return writeWhole(c, what, t, path, o.format(t.schema))
}

// Check is the error of [WriteCSV] for a table with such columns, whatever its cells.
func (o CSVWriteOptions) Check(s *arrow.Schema) error {
	if o.Comma != 0 && isFieldByte(o.Comma) {
		return fmt.Errorf("frame: write CSV: fields cannot be separated by %q", o.Comma)
	}
	return wrap("write CSV", checkFolderKeys(s, o.PartitionBy))
}

func (o *CSVWriteOptions) format(s *arrow.Schema) *lineFormat {
	comma := o.Comma
	if comma == 0 {
		comma = ','
	}
	f := &lineFormat{after: []byte{'\n'}}
	for _, b := range []byte{comma, '"', '\n', '\r'} {
		f.quote[b] = true
	}
	f.null = f.appendCSV(nil, []byte(o.NA))
	if o.NA == "" && s.NumFields() == 1 {
		f.null = []byte(`""`) // an empty line is no record
	}
	for i, field := range s.Fields() {
		var before []byte
		if i > 0 {
			before = []byte{comma}
		}
		f.before = append(f.before, before)
		f.header = f.appendCSV(append(f.header, before...), []byte(field.Name))
	}
	f.header = append(f.header, '\n')
	if o.NoHeader {
		f.header = nil
	}
	return f
}
