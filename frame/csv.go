package frame

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"deeprc/collective"
)

// CSVOptions says how [ReadCSV] reads a file. The zero value reads all columns
// and finds out delimiter and types by itself. All ranks pass the same.
type CSVOptions struct {
	// Columns are the ones to read, in the order that the table will have; the
	// others are not parsed. None means all, in the file's order.
	Columns []string
	// Types are the types that columns must have; the others are inferred.
	Types map[string]Type
	// NA are the cells that mean a missing value; nil means NA, NaN, nan, null,
	// NULL, None and -. An empty cell is always missing. Where a mark is a number,
	// as -999 is, every cell of that value is missing in a numeric column.
	NA []string
	// Verbatim are columns in which only an empty cell is missing: a series may be named NA.
	Verbatim []string
	// Comma separates the fields; 0 means the one of comma, semicolon and tab that
	// is the most frequent in the header.
	Comma byte
	// Progress is called now and then while this rank parses: bytes done, and of its part. May be nil.
	Progress func(done, total int64)
	// Memory is where the table will live; nil means no limit.
	Memory *Memory
}

// ReadStats is what one rank read of a file.
type ReadStats struct {
	Bytes int64 // bytes read, the ends of records in the next rank's range included
	Rows  int64 // rows that this rank now has
}

// ReadCSV reads a CSV file with a header into a distributed table; collective.
// Of n ranks each reads and parses one n-th of the file's bytes and has the records
// that start there: rank 0 the first ones, and so on; a rank may have none. All
// ranks must see the file under path.
//
// The format is RFC 4180, in UTF-8, with or without a byte-order mark, with line
// ends \n or \r\n; fields may be quoted, and then hold newlines and doubled quotes.
// Blank lines are skipped. Spaces round column names, numbers, times and marks of a
// missing value do not count. Bytes inside a text cell are kept as they are.
//
// A column is Int64, Float64, Timestamp (see [Type] for the forms) or String. The
// type comes from o.Types, else from the cells that are not missing in the first
// 1,000 records of each rank's range: numbers if more than half of them are numbers,
// times if more than half are times, else text. A later cell of another kind is an
// error. Whole numbers become Float64 if any rank meets a decimal. Identifiers
// written with leading zeros and five digits or more, as 01022500, make a column
// text. A column without values is Float64. Infinities are errors: no forecast can
// use them.
//
// Errors name file, line (from 1, the header's) and column; all ranks return the
// error of the lowest rank that met one, as [collective.Agree] gives it.
func ReadCSV(c collective.Comm, path string, o CSVOptions) (*Table, ReadStats, error) {
	f, err := openCSV(path)
	if f != nil {
		defer f.close()
	}
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	h, err := shareHeader(c, f, o.Comma)
	if err != nil {
		return nil, ReadStats{}, err
	}
	p := &parser{path: path, mem: o.Memory, names: h.names, na: newMissing(o.NA), progress: o.Progress}
	err = p.choose(o)
	if err := collective.Agree(c, err); err != nil {
		return nil, ReadStats{}, err
	}
	defer p.release()
	if p.scan, err = readPart(c, f, h); err != nil {
		return nil, ReadStats{}, err
	}
	if err := p.infer(c); err != nil {
		return nil, ReadStats{}, err
	}
	if err := collective.Agree(c, p.parse()); err != nil {
		return nil, ReadStats{}, err
	}
	if err := p.agreeWidths(c); err != nil {
		return nil, ReadStats{}, err
	}
	t, err := p.table()
	if err != nil {
		return nil, ReadStats{}, err
	}
	return t, ReadStats{Bytes: f.read, Rows: int64(t.NumRows())}, nil
}

// choose makes p's columns: those that o asks for, with the types it declares.
func (p *parser) choose(o CSVOptions) error {
	at := make(map[string]int, len(p.names))
	for i, n := range p.names {
		at[n] = i
	}
	p.at = make([]*csvColumn, len(p.names))
	wanted := o.Columns
	if len(wanted) == 0 {
		wanted = p.names
	}
	for _, n := range wanted {
		i, ok := at[n]
		if !ok {
			return fmt.Errorf("%s: %s", p.path, noColumn(n, p.names))
		}
		if p.at[i] != nil {
			return fmt.Errorf("%s: column %s is asked for twice", p.path, quote(n))
		}
		p.at[i] = &csvColumn{name: n, mem: o.Memory, verbatim: slices.Contains(o.Verbatim, n)}
		p.cols = append(p.cols, p.at[i])
	}
	for _, n := range sortedKeys(o.Types) {
		i, ok := at[n]
		if !ok {
			return fmt.Errorf("%s: %s", p.path, noColumn(n, p.names))
		}
		if col := p.at[i]; col != nil {
			col.typ, col.declared = o.Types[n], true
		}
	}
	return nil
}

// agreeWidths makes an integer column Float64 on all ranks where it became so on one; collective.
func (p *parser) agreeWidths(c collective.Comm) error {
	wide := make([]uint8, len(p.cols))
	for i, col := range p.cols {
		if col.typ == Float64 {
			wide[i] = 1
		}
	}
	if err := collective.AllReduce(c, wide, collective.Max); err != nil {
		return fmt.Errorf("%s: agree on column types: %w", p.path, err)
	}
	for i, col := range p.cols {
		if wide[i] == 1 && col.typ == Int64 {
			col.widen(0)
		}
	}
	return nil
}

// table makes the parsed cells a Table.
func (p *parser) table() (*Table, error) {
	fields := make([]arrow.Field, len(p.cols))
	arrays := make([]arrow.Array, len(p.cols))
	for i, col := range p.cols {
		fields[i] = arrow.Field{Name: col.name, Type: col.typ.arrow(), Nullable: true}
		arrays[i] = col.b.NewArray()
		defer arrays[i].Release()
	}
	schema := arrow.NewSchema(fields, nil)
	return NewTable(p.mem, schema, array.NewRecord(schema, arrays, p.rows))
}
