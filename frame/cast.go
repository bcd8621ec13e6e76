package frame

import (
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/collective"
)

// Cast makes a column one of another type, which its cells must fit: a cell that would lose something, a
// fraction, a digit of a whole number, a part of a time, is an error that names it and its row. Only a
// float64 is rounded to float32. Text is read as in CSV files, also NaN, infinities, true and false. A
// timestamp keeps its moment when its zone changes; its date is that in its zone. Collective; no rows move.
func Cast(c collective.Comm, t *Table, column string, to arrow.DataType) (*Table, error) {
	at, err := t.index(column)
	if err == nil {
		from := t.schema.Field(at).Type
		if dt, ok := columnType(to); !ok || !arrow.TypeEqual(dt, to) {
			err = fmt.Errorf("no column has type %s", to)
		} else if err = canCast(from, to); err != nil {
			err = fmt.Errorf("column %s: %w", quote(column), err)
		}
	}
	first, serr := collective.ExclusiveScan(c, int64(t.rows))
	if serr != nil {
		return nil, wrap("cast", serr)
	}
	var cells []arrow.Array
	if err == nil {
		cells, err = castChunks(t, at, to, first)
	}
	if err := collective.Agree(c, wrap("cast", err)); err != nil {
		releaseArrays(cells)
		return nil, err
	}
	return t.put(column, to, cells), nil
}

// canCast is an error if no cell of one type can be cast to another.
func canCast(from, to arrow.DataType) error {
	f, k := kindOf(from), kindOf(to)
	for _, dt := range []arrow.DataType{from, to} {
		if _, err := zoneOf(dt); err != nil {
			return err
		}
	}
	switch {
	case arrow.TypeEqual(from, to):
		return nil
	case f == exprTime && k != exprTime && k != exprText, k == exprTime && f != exprTime && f != exprText:
		return fmt.Errorf("no cast from %s to %s", from, to)
	case f == exprOther || k == exprOther:
		return nil // it is Arrow's to say
	}
	if _, stamp := from.(*arrow.TimestampType); k == exprTime && f == exprTime && !stamp {
		if zone, _ := zoneOf(to); zone != nil {
			return fmt.Errorf("no cast from %s to %s: a date has no zone; cast it to timestamp[us, UTC] first, its midnight there", from, to)
		}
	}
	return nil
}

// castChunks casts column at; the caller releases what it gives, also after an error. The first row of t
// is row first of the whole table.
func castChunks(t *Table, at int, to arrow.DataType, first int64) ([]arrow.Array, error) {
	var out []arrow.Array
	for _, r := range t.chunks {
		a, bad, err := castCells(t.mem, r.Column(at), to)
		if err != nil {
			name := quote(t.schema.Field(at).Name)
			if bad < 0 {
				return out, fmt.Errorf("column %s: %w", name, err)
			}
			return out, fmt.Errorf("column %s, row %d of the table (from 0): %w", name, first+int64(bad), err)
		}
		out = append(out, a)
		first += r.NumRows()
	}
	return out, nil
}

// castCells casts a; an error has the row of the cell that does not fit, or -1 if it is not known.
func castCells(m *Memory, a arrow.Array, to arrow.DataType) (arrow.Array, int, error) {
	from := a.DataType()
	f, k := kindOf(from), kindOf(to)
	switch {
	case arrow.TypeEqual(from, to):
		a.Retain()
		return a, -1, nil
	case f == exprOther || k == exprOther:
		out, err := castColumn(m, a, to)
		return out, -1, err
	}
	c := see(a)
	if k == exprText {
		return cellsToText(m, &c), -1, nil
	}
	var data *memory.Buffer
	var bad int
	var err error
	switch {
	case f == exprText:
		data, bad, err = cellsOfText(m, &c, to)
	case f == exprTime:
		data, bad = castTimes(m, &c, to)
	default:
		data, bad = castNumbers(m, &c, to)
	}
	if bad >= 0 {
		data.Release()
		if err == nil {
			err = fmt.Errorf("%s does not fit %s", quote(a.ValueStr(bad)), to)
		}
		return nil, bad, err
	}
	return newArray(to, c.n, c.nulls, copyValidity(m, a), data), -1, nil
}

func cellsToText(m *Memory, c *column) arrow.Array {
	var put func(to []byte, i int) []byte
	switch k := kindOf(c.typ); {
	case k == exprBool:
		put = func(to []byte, i int) []byte { return strconv.AppendBool(to, c.bit(i)) }
	case c.typ.ID() == arrow.UINT64:
		v := values[uint64](c)
		put = func(to []byte, i int) []byte { return strconv.AppendUint(to, v[i], 10) }
	case c.typ.ID() == arrow.FLOAT32:
		v := values[float32](c)
		put = func(to []byte, i int) []byte { return appendFloat(to, float64(v[i]), 32) }
	case c.typ.ID() == arrow.FLOAT64:
		v := values[float64](c)
		put = func(to []byte, i int) []byte { return appendFloat(to, v[i], 64) }
	default:
		v := alloc[int64](m, c.n)
		defer free(m, v)
		wideInts(v, c)
		put = func(to []byte, i int) []byte { return strconv.AppendInt(to, v[i], 10) }
		if k == exprTime {
			form, err := newTextForm(c.typ)
			if err != nil {
				panic(err) // canCast has looked at the zone
			}
			put = func(to []byte, i int) []byte { return form.append(to, v[i]) }
		}
	}
	w := newCellWriter(m, arrow.BinaryTypes.LargeString, c.n)
	lo, hi, null := make([]int64, blockRows), make([]int64, blockRows), make([]bool, blockRows)
	l := lane{lo: lo, hi: hi, null: null}
	for first := 0; first < c.n; first += blockRows {
		n := min(blockRows, c.n-first)
		l.text = l.text[:0]
		for i := range n {
			lo[i] = int64(len(l.text))
			if null[i] = c.isNull(first + i); !null[i] {
				l.text = put(l.text, first+i)
			}
			hi[i] = int64(len(l.text))
		}
		w.put(&l, n)
	}
	return w.finish()
}

// cellsOfText reads the cells of a text column.
func cellsOfText(m *Memory, c *column, to arrow.DataType) (data *memory.Buffer, bad int, err error) {
	if to.ID() == arrow.BOOL {
		data = newBuffer(m, (c.n+7)/8)
		for i := range c.n {
			if c.isNull(i) {
				continue
			}
			v, err := parseBoolCell(c.str(i))
			if err != nil {
				return data, i, err
			}
			if v {
				bitutil.SetBit(data.Bytes(), i)
			}
		}
		return data, -1, nil
	}
	w := wideCells{null: c}
	defer func() { w.free(m) }()
	switch k := kindOf(to); {
	case k == exprFloat:
		w.f = alloc[float64](m, c.n)
	case to.ID() == arrow.UINT64:
		w.u = alloc[uint64](m, c.n)
	default:
		w.i = alloc[int64](m, c.n)
	}
	for i := range c.n {
		if c.isNull(i) {
			continue
		}
		var err error
		switch b := c.str(i); {
		case w.f != nil:
			w.f[i], err = parseFloatCell(b)
		case w.u != nil:
			w.u[i], err = parseUintCell(b)
		case kindOf(to) == exprTime:
			w.i[i], err = parseTimeCell(b, to)
		default:
			w.i[i], err = parseIntCell(b)
		}
		if err != nil {
			return newBuffer(m, 0), i, err
		}
	}
	data, bad = w.as(m, to)
	return data, bad, nil
}
