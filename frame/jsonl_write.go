package frame

import (
	"encoding/json"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// JSONLWriteOptions says how [WriteJSONL] writes. All ranks pass the same.
type JSONLWriteOptions struct {
	// PartitionBy is as in [CSVWriteOptions].
	PartitionBy []string
}

// WriteJSONL writes a table to a folder as [WriteCSV] does, to files part-00000.jsonl and so
// on, which have an object a line with all columns as keys, in their order. [ReadJSONL] of the folder gives the
// rows in the same order.
//
// A missing cell is null; times are text as 2006-01-02T15:04:05.000001, durations the number of their
// unit, decimals numbers. NaN and infinities, which JSON has no number for, bytes that are
// not UTF-8, NUL bytes and years beyond 9999 are errors. Errors name file and column. Collective.
func WriteJSONL(c collective.Comm, t *Table, folder string, o JSONLWriteOptions) error {
	return writeParts(c, "write JSON lines", t, folder, o.PartitionBy, partFormat{".jsonl", func(path string, s *arrow.Schema) (partWriter, error) {
		return newTextWriter(path, newJSONStyle(s))
	}})
}

// WriteJSONLFile writes a table to one file, which must not exist: the rows of all ranks in
// order. Rank 0 writes it, with some rows of the others in memory. All else is as in [WriteJSONL].
// Collective.
func WriteJSONLFile(c collective.Comm, t *Table, path string, o JSONLWriteOptions) error {
	if len(o.PartitionBy) > 0 {
		return fmt.Errorf("frame: write JSON lines: one file has no folders for the keys %s", list(o.PartitionBy))
	}
	return writeOne(c, "write JSON lines", t, path, newJSONStyle(t.schema))
}

// jsonStyle writes an object a line.
type jsonStyle struct{ keys [][]byte } // with what stands before each value

func newJSONStyle(s *arrow.Schema) *jsonStyle {
	j := &jsonStyle{}
	for i, f := range s.Fields() {
		key := []byte{','}
		if i == 0 {
			key = []byte{'{'}
		}
		j.keys = append(j.keys, append(appendJSONText(key, []byte(f.Name)), ':'))
	}
	return j
}

func (s *jsonStyle) head(dst []byte) []byte          { return dst }
func (s *jsonStyle) before(dst []byte, i int) []byte { return append(dst, s.keys[i]...) }
func (s *jsonStyle) text(dst, cell []byte) []byte    { return appendJSONText(dst, cell) }
func (s *jsonStyle) null() string                    { return "null" }
func (s *jsonStyle) end(dst []byte) []byte           { return append(dst, "}\n"...) }
func (s *jsonStyle) finite() bool                    { return true }

func (s *jsonStyle) time(dst, cell []byte) []byte {
	dst = append(append(dst, '"'), cell...)
	if len(cell) > len("2006-01-02") && cell[4] == '-' {
		dst[len(dst)-len(cell)+len("2006-01-02")] = 'T'
	}
	return append(dst, '"')
}

// appendJSONText writes s, which is UTF-8, as a string of JSON.
func appendJSONText(dst, s []byte) []byte {
	for _, b := range s {
		if b < ' ' || b == '"' || b == '\\' || b >= 0x7f {
			text, err := json.Marshal(string(s))
			if err != nil {
				panic(err) // a string
			}
			return append(dst, text...)
		}
	}
	dst = append(append(dst, '"'), s...)
	return append(dst, '"')
}
