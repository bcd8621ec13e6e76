// Package frame holds distributed tables: each rank has some rows of each table,
// as Arrow columns in memory. It reads and writes them and, over a
// collective.Comm, moves rows between ranks. Operators that communicate are
// functions that take the Comm first; a method of Table never communicates.
package frame

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Table is this rank's rows of one distributed table. The rows of rank 0 come
// first, then those of rank 1, and so on. All ranks have the same schema; a rank
// may have no rows. A table's columns have the types of [NewTable].
type Table struct {
	mem    *Memory
	schema *arrow.Schema
	chunks []arrow.Record // its rows in order; none is empty
	rows   int
	empty  arrow.Record // of a table without rows, once Record was asked for it
}

// NewTable makes a Table in m of records of one schema, and takes over the caller's
// references to them. Columns of text get 64-bit offsets, dictionaries become their
// values, a column of type null becomes float64; lists, structs and other nested types
// are an error, and the records are released then too. Column names must differ.
func NewTable(m *Memory, schema *arrow.Schema, recs ...arrow.Record) (*Table, error) {
	defer func() {
		for _, r := range recs {
			r.Release()
		}
	}()
	fields := schema.Fields()
	names := map[string]bool{}
	for i, f := range fields {
		to, ok := columnType(f.Type)
		if !ok {
			return nil, fmt.Errorf("frame: column %s: its type %s is not supported; a column holds numbers, booleans, text, dates, times or decimals of 128 bits", quote(f.Name), f.Type)
		}
		if names[f.Name] {
			return nil, fmt.Errorf("frame: two columns are named %s", quote(f.Name))
		}
		names[f.Name] = true
		fields[i] = arrow.Field{Name: f.Name, Type: to, Nullable: true, Metadata: f.Metadata}
	}
	t := &Table{mem: m, schema: arrow.NewSchema(fields, nil)}
	for _, r := range recs {
		if r.NumRows() == 0 {
			continue
		}
		cols := make([]arrow.Array, r.NumCols())
		for i := range cols {
			var err error
			if cols[i], err = toColumn(m, r.Column(i)); err != nil {
				panic(err) // the schema was looked at
			}
			defer cols[i].Release()
		}
		t.chunks = append(t.chunks, array.NewRecord(t.schema, cols, r.NumRows()))
		t.rows += int(r.NumRows())
	}
	return t, nil
}

// newTable makes a Table of columns that have its types already, and takes over the references to them.
func newTable(m *Memory, fields []arrow.Field, cols []arrow.Array, rows int) *Table {
	t := &Table{mem: m, schema: arrow.NewSchema(fields, nil), rows: rows}
	if rows > 0 {
		t.chunks = []arrow.Record{array.NewRecord(t.schema, cols, int64(rows))}
	}
	for _, c := range cols {
		c.Release()
	}
	return t
}

// with is a table of the same memory and columns, of other records, which it takes over.
func (t *Table) with(chunks ...arrow.Record) *Table {
	out := &Table{mem: t.mem, schema: t.schema}
	for _, r := range chunks {
		if r.NumRows() > 0 {
			out.chunks = append(out.chunks, r)
			out.rows += int(r.NumRows())
		} else {
			r.Release()
		}
	}
	return out
}

// Memory is where t lives, and tables made of it.
func (t *Table) Memory() *Memory { return t.mem }

// NumRows is the number of rows on this rank.
func (t *Table) NumRows() int { return t.rows }

// Schema is the columns' names and Arrow types, the same on all ranks.
func (t *Table) Schema() *arrow.Schema { return t.schema }

// Names lists the columns in order.
func (t *Table) Names() []string {
	return fieldNames(t.schema)
}

func fieldNames(s *arrow.Schema) []string {
	names := make([]string, s.NumFields())
	for i := range names {
		names[i] = s.Field(i).Name
	}
	return names
}

// Bytes is the memory that this rank's rows take.
func (t *Table) Bytes() int64 {
	var n int64
	for _, r := range t.chunks {
		for _, a := range r.Columns() {
			c := see(a)
			n += c.bytes()
		}
	}
	return n
}

// Chunks are this rank's rows as the records they lie in; they are valid until Release.
func (t *Table) Chunks() []arrow.Record { return t.chunks }

// Record is this rank's rows as one Arrow record; it is valid until Release.
func (t *Table) Record() arrow.Record {
	switch {
	case len(t.chunks) == 1:
		return t.chunks[0]
	case t.empty != nil:
		return t.empty
	}
	cols := make([]arrow.Array, t.schema.NumFields())
	for i := range cols {
		parts := make([]arrow.Array, len(t.chunks))
		for k, r := range t.chunks {
			parts[k] = r.Column(i)
		}
		cols[i] = concatenate(t.mem, t.schema.Field(i).Type, parts)
		defer cols[i].Release()
	}
	whole := array.NewRecord(t.schema, cols, int64(t.rows))
	if len(t.chunks) == 0 {
		t.empty = whole
		return whole
	}
	for _, r := range t.chunks {
		r.Release()
	}
	t.chunks = []arrow.Record{whole}
	return whole
}

// Retain makes a second reference to t's rows, to be released as well.
func (t *Table) Retain() *Table {
	for _, r := range t.chunks {
		r.Retain()
	}
	return &Table{mem: t.mem, schema: t.schema, chunks: slices.Clone(t.chunks), rows: t.rows}
}

// Release gives back the table's memory; t must not be used after it.
func (t *Table) Release() {
	for _, r := range t.chunks {
		r.Release()
	}
	if t.empty != nil {
		t.empty.Release()
	}
	t.chunks, t.empty = nil, nil
}

// index is the place of a column; the error of an unknown name gives the nearest existing one.
func (t *Table) index(name string) (int, error) {
	i := t.schema.FieldIndices(name)
	if len(i) == 0 {
		return 0, errors.New(noColumn(name, t.Names()))
	}
	return i[0], nil
}

// Column returns this rank's cells of a column; they are valid until Release.
// The error of an unknown name gives the nearest existing one.
func (t *Table) Column(name string) (arrow.Array, error) {
	i, err := t.index(name)
	if err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	return t.Record().Column(i), nil
}

// Float64s copies a numeric column (floats and integers of any width); a
// missing cell becomes NaN.
func (t *Table) Float64s(name string) ([]float64, error) {
	a, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	var f []float64
	switch a := a.(type) {
	case *array.Float64:
		f = append(make([]float64, 0, a.Len()), a.Float64Values()...)
	case *array.Float32:
		f = widen[float64](a.Float32Values())
	case *array.Int64:
		f = widen[float64](a.Int64Values())
	case *array.Int32:
		f = widen[float64](a.Int32Values())
	case *array.Int16:
		f = widen[float64](a.Int16Values())
	case *array.Int8:
		f = widen[float64](a.Int8Values())
	case *array.Uint64:
		f = widen[float64](a.Uint64Values())
	case *array.Uint32:
		f = widen[float64](a.Uint32Values())
	case *array.Uint16:
		f = widen[float64](a.Uint16Values())
	case *array.Uint8:
		f = widen[float64](a.Uint8Values())
	default:
		return nil, fmt.Errorf("frame: column %s is %s, not a number", quote(name), a.DataType())
	}
	if a.NullN() > 0 {
		for i := range f {
			if a.IsNull(i) {
				f[i] = math.NaN()
			}
		}
	}
	return f, nil
}

// Int64s copies a column of integers (of any width but uint64). A missing cell
// is an error, since no integer can stand for it.
func (t *Table) Int64s(name string) ([]int64, error) {
	a, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	if err := noNulls(name, a, "an integer"); err != nil {
		return nil, err
	}
	switch a := a.(type) {
	case *array.Int64:
		return append(make([]int64, 0, a.Len()), a.Int64Values()...), nil
	case *array.Int32:
		return widen[int64](a.Int32Values()), nil
	case *array.Int16:
		return widen[int64](a.Int16Values()), nil
	case *array.Int8:
		return widen[int64](a.Int8Values()), nil
	case *array.Uint32:
		return widen[int64](a.Uint32Values()), nil
	case *array.Uint16:
		return widen[int64](a.Uint16Values()), nil
	case *array.Uint8:
		return widen[int64](a.Uint8Values()), nil
	}
	return nil, fmt.Errorf("frame: column %s is %s, not an integer", quote(name), a.DataType())
}

// Timestamps copies a column of times as microseconds since 1970-01-01 00:00
// UTC; finer units are rounded down. A missing cell is an error.
func (t *Table) Timestamps(name string) ([]int64, error) {
	a, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	if err := noNulls(name, a, "a time"); err != nil {
		return nil, err
	}
	switch a := a.(type) {
	case *array.Timestamp:
		us := widen[int64](a.TimestampValues())
		unit := a.DataType().(*arrow.TimestampType).Unit
		for i, v := range us {
			switch unit {
			case arrow.Second:
				us[i] = v * 1e6
			case arrow.Millisecond:
				us[i] = v * 1e3
			case arrow.Nanosecond:
				us[i] = (v - (v%1e3+1e3)%1e3) / 1e3
			}
		}
		return us, nil
	case *array.Date32:
		us := widen[int64](a.Date32Values())
		for i := range us {
			us[i] *= usPerDay
		}
		return us, nil
	case *array.Date64:
		us := widen[int64](a.Date64Values())
		for i := range us {
			us[i] *= 1e3
		}
		return us, nil
	}
	return nil, fmt.Errorf("frame: column %s is %s, not a time", quote(name), a.DataType())
}

// Strings copies a column of text; a missing cell becomes "".
func (t *Table) Strings(name string) ([]string, error) {
	a, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	text, ok := a.(*array.LargeString)
	if !ok {
		return nil, fmt.Errorf("frame: column %s is %s, not text", quote(name), a.DataType())
	}
	s := make([]string, a.Len())
	for i := range s {
		if a.IsValid(i) {
			s[i] = strings.Clone(text.Value(i))
		}
	}
	return s, nil
}

func widen[D float64 | int64, S float32 | ~int64 | ~int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8](s []S) []D {
	d := make([]D, len(s))
	for i, v := range s {
		d[i] = D(v)
	}
	return d
}

func noNulls(name string, a arrow.Array, what string) error {
	if a.NullN() == 0 {
		return nil
	}
	i := 0
	for a.IsValid(i) {
		i++
	}
	return fmt.Errorf("frame: column %s lacks %s in %s of this rank, the first in row %d (from 0)",
		quote(name), what, plural(a.NullN(), "row"), i)
}

// project is some columns of a record.
func project(schema *arrow.Schema, r arrow.Record, at []int) arrow.Record {
	cols := make([]arrow.Array, len(at))
	for i, k := range at {
		cols[i] = r.Column(k)
	}
	return array.NewRecord(schema, cols, r.NumRows())
}
