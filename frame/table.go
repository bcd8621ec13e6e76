// Package frame holds distributed tables: each rank has some rows of each table,
// as Arrow columns in memory. It reads and writes them and, over a
// collective.Comm, moves rows between ranks. Operators that communicate are
// functions that take the Comm first; a method of Table never communicates.
package frame

import (
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Table is this rank's rows of one distributed table. The rows of rank 0 come
// first, then those of rank 1, and so on. All ranks have the same schema; a rank
// may have no rows.
type Table struct {
	rec arrow.Record
}

// NewTable makes a Table of rec and takes over the caller's reference to it.
func NewTable(rec arrow.Record) *Table { return &Table{rec} }

// Record is the Arrow record under t; it is valid until Release.
func (t *Table) Record() arrow.Record { return t.rec }

// NumRows is the number of rows on this rank.
func (t *Table) NumRows() int { return int(t.rec.NumRows()) }

// Schema is the columns' names and Arrow types, the same on all ranks.
func (t *Table) Schema() *arrow.Schema { return t.rec.Schema() }

// Names lists the columns in order.
func (t *Table) Names() []string {
	names := make([]string, t.rec.NumCols())
	for i := range names {
		names[i] = t.rec.ColumnName(i)
	}
	return names
}

// Release gives back the table's memory; t must not be used after it.
func (t *Table) Release() { t.rec.Release() }

// Column returns this rank's cells of a column; they are valid until Release.
// The error of an unknown name gives the nearest existing one.
func (t *Table) Column(name string) (arrow.Array, error) {
	i := t.rec.Schema().FieldIndices(name)
	if len(i) == 0 {
		return nil, fmt.Errorf("frame: %s", noColumn(name, t.Names()))
	}
	return t.rec.Column(i[0]), nil
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
	}
	return nil, fmt.Errorf("frame: column %s is %s, not a time", quote(name), a.DataType())
}

// Strings copies a column of text, plain or dictionary-encoded; a missing cell
// becomes "".
func (t *Table) Strings(name string) ([]string, error) {
	a, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	s := make([]string, a.Len())
	at := func(i int) int { return i }
	values := a
	if d, ok := a.(*array.Dictionary); ok {
		values, at = d.Dictionary(), d.GetValueIndex
	}
	text, ok := values.(array.StringLike)
	if !ok {
		return nil, fmt.Errorf("frame: column %s is %s, not text", quote(name), a.DataType())
	}
	for i := range s {
		if a.IsValid(i) {
			s[i] = strings.Clone(text.Value(at(i)))
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
