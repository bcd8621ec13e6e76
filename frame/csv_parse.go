package frame

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// parser turns this rank's records into columns.
type parser struct {
	path  string
	names []string
	at    []*csvColumn // by field; nil where the column is not wanted
	cols  []*csvColumn // in the table's order
	na    missing
	scan  scanner
	rows  int64
	mem   *Memory

	progress func(done, total int64)
}

// progressRows are the rows between two calls of progress.
const progressRows = 1 << 14

// csvColumn is the cells of one column so far. The builder of its type is set.
type csvColumn struct {
	name     string
	typ      Type
	declared bool // by the caller: never widened
	blank    bool // no cell of the sample had a value
	verbatim bool // only an empty cell is missing
	mem      *Memory
	b        array.Builder // one of the following
	i64      *array.Int64Builder
	f64      *array.Float64Builder
	us       *array.TimestampBuilder
	str      *array.LargeStringBuilder
}

// reserve makes the builder and room for n rows.
func (c *csvColumn) reserve(n int) {
	switch c.typ {
	case Int64:
		c.i64 = array.NewInt64Builder(c.mem)
		c.b = c.i64
	case Float64:
		c.f64 = array.NewFloat64Builder(c.mem)
		c.b = c.f64
	case Timestamp:
		c.us = array.NewTimestampBuilder(c.mem, &arrow.TimestampType{Unit: arrow.Microsecond})
		c.b = c.us
	case String:
		c.str = array.NewLargeStringBuilder(c.mem)
		c.b = c.str
	}
	c.b.Reserve(n)
}

// widen makes an integer column Float64, with room for n more rows.
func (c *csvColumn) widen(n int) {
	ints := c.i64.NewInt64Array()
	defer ints.Release()
	c.b.Release()
	c.typ = Float64
	c.reserve(ints.Len() + n)
	for i, v := range ints.Int64Values() {
		if ints.IsNull(i) {
			c.f64.AppendNull()
		} else {
			c.f64.UnsafeAppend(float64(v))
		}
	}
}

func (p *parser) release() {
	for _, c := range p.cols {
		if c.b != nil {
			c.b.Release()
		}
	}
}

// maxRows bounds the number of records from above: each has a newline, or ends
// the bytes, and as many separators as it has fields but one.
func (p *parser) maxRows() int {
	n := len(p.scan.b)
	return min(bytes.Count(p.scan.b, []byte{'\n'}), n/max(len(p.at), 2)) + 1
}

// parse appends all cells to their columns.
func (p *parser) parse() error {
	room := p.maxRows()
	for _, col := range p.cols {
		col.reserve(room)
	}
	s := &p.scan
	for s.more() {
		line := s.line
		if err := p.record(room); err != nil {
			if s.cut && s.pos == len(s.b) && !errors.Is(err, errOpenQuote) {
				return fmt.Errorf("%s:%d: %w", p.path, line, errLongRecord)
			}
			return err
		}
		if p.rows++; p.rows%progressRows == 0 && p.progress != nil {
			p.progress(int64(s.pos), int64(len(s.b)))
		}
		if s.cut && s.pos == len(s.b) {
			return fmt.Errorf("%s:%d: %w", p.path, line, errLongRecord)
		}
	}
	return nil
}

// record appends one record. A wrong number of fields is reported before a wrong
// cell, since it explains it.
func (p *parser) record(room int) error {
	s := &p.scan
	first := s.line
	var bad error
	n := 0
	for last := false; !last; n++ {
		line := s.line
		var fault string
		var err error
		if n < len(p.at) && p.at[n] != nil {
			last, fault, err = p.cell(p.at[n], room)
		} else {
			_, last, err = s.field()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.where(s.line, n), err)
		}
		if fault != "" && bad == nil {
			bad = fmt.Errorf("%s: %s", p.where(line, n), fault)
		}
	}
	if n != len(p.at) {
		return fmt.Errorf("%s:%d: %s, header has %d", p.path, first, plural(n, "field"), len(p.at))
	}
	return bad
}

// where is file:line: column "name" for field n.
func (p *parser) where(line, n int) string {
	if n < len(p.names) {
		return fmt.Sprintf("%s:%d: column %s", p.path, line, quote(p.names[n]))
	}
	return fmt.Sprintf("%s:%d: field %d", p.path, line, n+1)
}

// cell appends the next cell to col. A fault says why the cell does not fit; an
// err is about quotes.
func (p *parser) cell(col *csvColumn, room int) (last bool, fault string, err error) {
	s := &p.scan
	switch col.typ { // an unquoted cell without spaces, in one pass
	case Float64:
		if v, n, ok := scanFloat(s.b, s.pos); ok {
			if last, ok := s.endAt(n); ok {
				p.putFloat(col, v)
				return last, "", nil
			}
		}
	case Int64:
		if v, n, ok := scanInt(s.b, s.pos); ok {
			if last, ok := s.endAt(n); ok {
				p.putInt(col, v)
				return last, "", nil
			}
		}
	case Timestamp:
		if v, n, ok := scanTime(s.b, s.pos); ok {
			if last, ok := s.endAt(n); ok {
				col.us.UnsafeAppend(arrow.Timestamp(v))
				return last, "", nil
			}
		}
	}
	text, last, err := s.field()
	if err != nil {
		return last, "", err
	}
	return last, p.put(col, text, room), nil
}

func (p *parser) putFloat(col *csvColumn, v float64) {
	if p.na.number(v) {
		col.f64.AppendNull()
		return
	}
	col.f64.UnsafeAppend(v)
}

func (p *parser) putInt(col *csvColumn, v int64) {
	if p.na.number(float64(v)) {
		col.i64.AppendNull()
		return
	}
	col.i64.UnsafeAppend(v)
}

// put appends a cell of any form, and says what is wrong with it.
func (p *parser) put(col *csvColumn, cell []byte, room int) (fault string) {
	t := bytes.TrimSpace(cell)
	if p.na.text(t) && !(col.verbatim && len(t) > 0) {
		col.b.AppendNull()
		return ""
	}
	switch col.typ {
	case String:
		return col.putText(cell)
	case Timestamp:
		v, n, ok := scanTime(t, 0)
		if !ok || n != len(t) {
			return col.misfit(cell, "is not a time such as 2016-07-01 00:00:00")
		}
		col.us.UnsafeAppend(arrow.Timestamp(v))
		return ""
	case Int64:
		if v, n, ok := scanInt(t, 0); ok && n == len(t) {
			p.putInt(col, v)
			return ""
		}
	}
	v, n, ok := scanFloat(t, 0)
	switch {
	case isInfinite(t):
		return col.misfit(cell, "is not a finite number")
	case !ok || n != len(t):
		return col.misfit(cell, "is not a number")
	case col.typ == Int64 && p.na.number(v):
		col.i64.AppendNull()
		return ""
	case col.typ == Int64 && col.declared:
		return col.misfit(cell, "is not a whole number of 64 bits")
	case col.typ == Int64:
		col.widen(room - int(p.rows))
	}
	p.putFloat(col, v)
	return ""
}

// putText appends a copy of cell.
func (c *csvColumn) putText(cell []byte) (fault string) {
	if !utf8.Valid(cell) {
		return fmt.Sprintf("%s is %s", quote(string(cell)), notUTF8)
	}
	c.str.Append(unsafe.String(unsafe.SliceData(cell), len(cell)))
	return ""
}

// misfit says that a cell is not what its column wants, and what to do.
func (c *csvColumn) misfit(cell []byte, what string) string {
	msg := fmt.Sprintf("%s %s; if it marks a missing value, add it to data.na", quote(string(cell)), what)
	if c.blank && !c.declared {
		msg += fmt.Sprintf("; the column had no value in the first %d records of any rank and was taken for numbers, so declare its type if it is none", sampleRecords)
	}
	return msg
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
