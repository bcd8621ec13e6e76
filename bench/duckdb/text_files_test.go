package duckdb

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
	"deeprc/frame"
	"deeprc/frame/frametest"
)

// textColumns are the names of f's columns of text.
func (f fileTable) textColumns() (names []string) {
	for _, c := range f.Columns {
		if c.Type.ID() == arrow.LARGE_STRING {
			names = append(names, c.Name)
		}
	}
	return names
}

// TestReadCSV reads what DuckDB writes: quoted cells, marks of missing ones, compression.
func TestReadCSV(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		f := randomFileTable(rng, 400, true)
		o := frame.CSVOptions{Types: f.types}
		comma, mark := []string{",", ";", "\t"}[rng.IntN(3)], ""
		if rng.IntN(2) == 0 {
			o.Comma = comma[0]
		}
		options := fmt.Sprintf("FORMAT csv, HEADER true, DELIMITER '%s'", comma)
		if rng.IntN(2) == 0 {
			options += ", FORCE_QUOTE *"
		}
		if mark = []string{"", "NA", "-999"}[rng.IntN(3)]; len(f.textColumns()) > 0 || mark == "-999" && rng.IntN(2) == 0 {
			mark, o.Verbatim = "", f.textColumns() // their cells look like marks
		}
		if mark == "-999" {
			o.NA = []string{mark}
			for i, c := range f.Columns { // a number that is the mark is missing, too
				if id := c.Type.ID(); arrow.IsInteger(id) || arrow.IsFloating(id) || id == arrow.DECIMAL128 {
					f.read[i] = fmt.Sprintf("nullif(%s, -999)", f.read[i])
				}
			}
		}
		options += fmt.Sprintf(", NULLSTR '%s'", mark)
		name := "x.csv"
		switch rng.IntN(4) {
		case 0:
			name, options = "x.csv.gz", options+", COMPRESSION gzip"
		case 1:
			name, options = "x.csv.zst", options+", COMPRESSION zstd"
		}
		if rng.IntN(4) == 0 { // files in folders, each of which is read by one rank or several
			f.Rows = max(1, f.Rows)
			k := frametest.RandomColumn(rng, "key", arrow.PrimitiveTypes.Int16)
			k.Distinct, k.Nulls = min(k.Distinct, 5), min(k.Nulls, 0.5)
			f.Columns, f.cells, f.read = append(f.Columns, k), append(f.cells, "'k' || key AS key"), append(f.read, "'k' || key")
			path := f.copied(t, "x", options+", PARTITION_BY (key)")
			q := f.reads(fmt.Sprintf("folders of %s, %+v", options, o), func(c collective.Comm, m *frame.Memory) (*frame.Table, frame.ReadStats, error) {
				o := o
				o.Memory = m
				return frame.ReadCSVFiles(c, []string{path}, o)
			})
			q.diff.Ordered = false
			return q
		}
		path := f.copied(t, name, options)
		return f.reads(fmt.Sprintf("%s: %s, %+v", name, options, o), func(c collective.Comm, m *frame.Memory) (*frame.Table, frame.ReadStats, error) {
			o := o
			o.Memory = m
			return frame.ReadCSV(c, path, o)
		})
	})
}

// duckTypes are DuckDB's names of types.
var duckTypes = map[arrow.Type]string{
	arrow.BOOL: "BOOLEAN", arrow.LARGE_STRING: "VARCHAR", arrow.DATE32: "DATE", arrow.TIMESTAMP: "TIMESTAMP", arrow.FLOAT32: "FLOAT", arrow.FLOAT64: "DOUBLE",
	arrow.INT8: "TINYINT", arrow.INT16: "SMALLINT", arrow.INT32: "INTEGER", arrow.INT64: "BIGINT",
	arrow.UINT8: "UTINYINT", arrow.UINT16: "USMALLINT", arrow.UINT32: "UINTEGER", arrow.UINT64: "UBIGINT",
}

// columns are f's for a reader of DuckDB: {'n': 'BIGINT', …}.
func (f fileTable) columns() string {
	var cols []string
	for _, c := range f.Columns {
		typ := duckTypes[c.Type.ID()]
		if d, ok := c.Type.(*arrow.Decimal128Type); ok {
			typ = fmt.Sprintf("DECIMAL(%d, %d)", d.Precision, d.Scale)
		}
		cols = append(cols, fmt.Sprintf("'%s': '%s'", c.Name, typ))
	}
	return "{" + strings.Join(cols, ", ") + "}"
}

// plainCells replaces f's columns by those whose cells text files keep.
func (f *fileTable) plainCells() {
	for i := range f.Columns {
		if id := f.Columns[i].Type.ID(); arrow.IsFloating(id) || id == arrow.LARGE_STRING {
			f.Columns[i].Modest = true // finite
			if id == arrow.LARGE_STRING {
				f.Columns[i].Type, f.back[i] = arrow.FixedWidthTypes.Boolean, f.Columns[i].Name
			}
		}
	}
}

// TestWriteText has DuckDB read what ranks write as CSV and JSON lines.
func TestWriteText(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		f := randomFileTable(rng, 300, true)
		f.plainCells()
		dir, ranks := t.TempDir(), 1+rng.IntN(5)
		if rng.IntN(2) == 0 {
			path := filepath.Join(dir, "x.csv")
			f.saved(t, ranks, func(c collective.Comm, t *frame.Table) error {
				return frame.WriteCSVFile(c, t, path, frame.CSVWriteOptions{})
			})
			return f.isRead("CSV", fmt.Sprintf("read_csv('%s', header = true, auto_detect = false, columns = %s)", path, f.columns()))
		}
		for i, c := range f.Columns { // DuckDB reads a number of JSON as float64, which has no more than 15 digits
			if d, ok := c.Type.(*arrow.Decimal128Type); ok && d.Precision > 15 {
				f.Columns[i].Type = &arrow.Decimal128Type{Precision: 15, Scale: d.Scale}
			}
		}
		path := filepath.Join(dir, "x.jsonl")
		f.saved(t, ranks, func(c collective.Comm, t *frame.Table) error { return frame.WriteJSONLFile(c, t, path) })
		return f.isRead("JSON lines", fmt.Sprintf("read_json('%s', format = 'newline_delimited', columns = %s)", path, f.columns()))
	})
}

// TestReadJSONL reads what DuckDB writes.
func TestReadJSONL(t *testing.T) {
	holds(t, func(rng *rand.Rand) question {
		f := randomFileTable(rng, 400, true)
		options := "FORMAT json"
		name := "x.jsonl"
		if rng.IntN(3) == 0 {
			name, options = "x.jsonl.gz", options+", COMPRESSION gzip"
		}
		path := f.copied(t, name, options)
		return f.reads(name, func(c collective.Comm, m *frame.Memory) (*frame.Table, frame.ReadStats, error) {
			return frame.ReadJSONL(c, []string{path}, frame.JSONLOptions{Columns: names(f.Spec), Types: f.types, Memory: m})
		})
	})
}
