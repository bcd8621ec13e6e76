package frame

import (
	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// JSONLWriteOptions says how [WriteJSONL] writes. All ranks pass the same.
type JSONLWriteOptions struct {
	// PartitionBy are the columns whose cells name the folders that the files go to, as in
	// [ParquetWriteOptions]; not of WriteJSONLFile.
	PartitionBy []string
}

// WriteJSONL writes a table to a folder of files with a JSON object a line, part-00000.jsonl
// and so on, laid out as [WriteParquet] does. An object has all columns, null where a cell is
// missing. Numbers are written as by [WriteCSV], dates, times and binary cells as such text. NaN,
// infinities, bytes that are not UTF-8 and times outside of the years 0 to 9999 are errors. Each file is whole or not at
// all; if one rank fails, no file stays. Errors name the file and column. Collective.
func WriteJSONL(c collective.Comm, t *Table, folder string, o JSONLWriteOptions) error {
	return writeLines(c, "write JSON lines", t, folder, ".jsonl", o.PartitionBy, jsonLines)
}

// WriteJSONLFile writes the rows of all ranks, in their order, to one file, as [WriteJSONL]
// does. Rank 0 writes it and gets the others' rows in small batches. Collective.
func WriteJSONLFile(c collective.Comm, t *Table, path string) error {
	return writeWhole(c, "write JSON lines", t, path, jsonLines(t.schema))
}

func jsonLines(s *arrow.Schema) *lineFormat {
	f := &lineFormat{cellText: cellText{json: true}, after: []byte("}\n"), null: []byte("null")}
	for i, field := range s.Fields() {
		before := []byte{','}
		if i == 0 {
			before = []byte{'{'}
		}
		f.before = append(f.before, append(appendJSON(before, []byte(field.Name)), ':'))
	}
	return f
}

// Check is the error of [WriteJSONL] for a table with such columns, whatever its cells.
func (o JSONLWriteOptions) Check(s *arrow.Schema) error {
	return wrap("write JSON lines", checkFolderKeys(s, o.PartitionBy))
}
