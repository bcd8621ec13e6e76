package frame

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// cellKind is how the cells of a column are parsed and kept until the end of the file.
type cellKind uint8

const (
	intKind   cellKind = iota // integers up to 64 bits but uint64, and durations: int64
	floatKind                 // float32 and float64: float64
	timeKind                  // dates and timestamps up to µs: µs since 1970
	textKind                  // text and binary
	boolKind
	rareKind // a type for which speed does not matter
)

// maxToFloat32 is the greatest float64 that rounds to a float32: 3.4028235e38, as the greatest of them is written, is
// above [math.MaxFloat32].
const maxToFloat32 = 0x1.fffffefffffffp127

// cellColumn is the cells of one column of a file of text so far. The builder of its kind is set.
type cellColumn struct {
	name     string
	typ      Type
	kind     cellKind
	declared bool // by the caller: never widened
	blank    bool // no cell of the sample had a value
	verbatim bool // only an empty cell is missing
	naHint   string
	na       *missing
	m        *Memory

	lo, hi int64   // of integers
	top    float64 // magnitude of floats
	tick   int64   // of times, µs

	b    array.Builder // one of the following
	i64  *array.Int64Builder
	f64  *array.Float64Builder
	str  *array.LargeStringBuilder
	bits *array.BooleanBuilder
}

// choose sets the column's type.
func (c *cellColumn) choose(t Type) error {
	c.typ, c.tick = t, 1
	ints := func(bits int) {
		c.kind, c.lo, c.hi = intKind, -1<<(bits-1), 1<<(bits-1)-1
	}
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64:
		ints(t.(arrow.FixedWidthDataType).BitWidth())
	case arrow.UINT8, arrow.UINT16, arrow.UINT32:
		c.kind, c.lo, c.hi = intKind, 0, 1<<t.(arrow.FixedWidthDataType).BitWidth()-1
	case arrow.DURATION:
		ints(64)
	case arrow.FLOAT32:
		c.kind, c.top = floatKind, maxToFloat32
	case arrow.FLOAT64:
		c.kind, c.top = floatKind, math.MaxFloat64
	case arrow.DATE32, arrow.DATE64:
		c.kind, c.tick = timeKind, usPerDay
	case arrow.TIMESTAMP:
		switch t.(*arrow.TimestampType).Unit {
		case arrow.Second:
			c.kind, c.tick = timeKind, usPerSec
		case arrow.Millisecond:
			c.kind, c.tick = timeKind, 1000
		case arrow.Microsecond:
			c.kind = timeKind
		default:
			c.kind = rareKind
		}
	case arrow.LARGE_STRING, arrow.LARGE_BINARY:
		c.kind = textKind
	case arrow.BOOL:
		c.kind = boolKind
	case arrow.UINT64, arrow.TIME32, arrow.TIME64, arrow.DECIMAL128:
		c.kind = rareKind
	default:
		return fmt.Errorf("column %s: a file of text cannot be read as %s", quote(c.name), t)
	}
	return nil
}

// reserve makes room for n more rows, and first the builder.
func (c *cellColumn) reserve(n int) {
	if c.b == nil {
		switch c.kind {
		case intKind, timeKind:
			c.i64 = array.NewInt64Builder(c.m)
			c.b = c.i64
		case floatKind:
			c.f64 = array.NewFloat64Builder(c.m)
			c.b = c.f64
		case textKind:
			c.str = array.NewLargeStringBuilder(c.m)
			c.b = c.str
		case boolKind:
			c.bits = array.NewBooleanBuilder(c.m)
			c.b = c.bits
		case rareKind:
			c.b = array.NewBuilder(c.m, c.typ)
		}
	}
	c.b.Reserve(n)
}

// widen makes an integer column Float64, with room for n more rows.
func (c *cellColumn) widen(n int) {
	ints := c.i64.NewInt64Array()
	defer ints.Release()
	c.release()
	if err := c.choose(Float64); err != nil {
		panic(err)
	}
	c.reserve(ints.Len() + n)
	for i, v := range ints.Int64Values() {
		if ints.IsNull(i) {
			c.f64.AppendNull()
		} else {
			c.f64.UnsafeAppend(float64(v))
		}
	}
}

func (c *cellColumn) release() {
	if c.b != nil {
		c.b.Release()
		c.b = nil
	}
}

func (c *cellColumn) putFloat(v float64) (fits bool) {
	switch {
	case c.na.number(v):
		c.f64.AppendNull()
	case v > c.top || v < -c.top:
		return false
	default:
		c.f64.UnsafeAppend(v)
	}
	return true
}

func (c *cellColumn) putInt(v int64) (fits bool) {
	switch {
	case c.na.number(float64(v)):
		c.i64.AppendNull()
	case v < c.lo || v > c.hi:
		return false
	default:
		c.i64.UnsafeAppend(v)
	}
	return true
}

func (c *cellColumn) putTime(us int64) (fits bool) {
	if c.tick > 1 && us%c.tick != 0 {
		return false
	}
	c.i64.UnsafeAppend(us)
	return true
}

// put appends a cell of any form, and says what is wrong with it; room is that for rows to
// come, this one included.
func (c *cellColumn) put(cell []byte, room int) (fault string) {
	t := bytes.TrimSpace(cell)
	if c.na.text(t) && !(c.verbatim && len(t) > 0) {
		c.b.AppendNull()
		return ""
	}
	switch c.kind {
	case textKind:
		return c.putText(cell)
	case timeKind:
		v, n, ok := scanTime(t, 0)
		if !ok || n != len(t) {
			return c.misfit(cell, "is not a time such as 2016-07-01 00:00:00")
		}
		if !c.putTime(v) {
			return c.misfit(cell, "is not "+map[int64]string{usPerDay: "a date without a time of day", usPerSec: "a whole second", 1000: "a whole millisecond"}[c.tick])
		}
		return ""
	case boolKind:
		v, ok := parseBool(t)
		if !ok {
			return c.misfit(cell, "is neither true nor false")
		}
		c.bits.UnsafeAppend(v)
		return ""
	case rareKind:
		return c.putRare(cell, t)
	case intKind:
		if v, n, ok := scanInt(t, 0); ok && n == len(t) && c.putInt(v) {
			return ""
		}
	}
	v, n, ok := scanFloat(t, 0)
	switch {
	case isInfinite(t):
		return c.misfit(cell, "is not a finite number")
	case !ok || n != len(t):
		return c.misfit(cell, "is not a number")
	case c.kind == intKind && c.na.number(v):
		c.i64.AppendNull()
		return ""
	case c.kind == intKind && c.declared && c.lo == 0:
		return c.misfit(cell, fmt.Sprintf("is not a whole number from 0 to %d", c.hi))
	case c.kind == intKind && c.declared:
		return c.misfit(cell, fmt.Sprintf("is not a whole number of %d bits", c.typ.(arrow.FixedWidthDataType).BitWidth()))
	case c.kind == intKind:
		c.widen(room)
	}
	if !c.putFloat(v) {
		return c.misfit(cell, "is beyond the range of float32")
	}
	return ""
}

// putText appends a copy of cell.
func (c *cellColumn) putText(cell []byte) (fault string) {
	if !utf8.Valid(cell) && c.typ.ID() == arrow.LARGE_STRING {
		return fmt.Sprintf("%s is %s", quote(string(cell)), notUTF8)
	}
	c.str.Append(unsafe.String(unsafe.SliceData(cell), len(cell)))
	return ""
}

// parseBool reads true and false, in one of three ways of writing.
func parseBool(t []byte) (v, ok bool) {
	switch string(t) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// misfit says that a cell is not what its column wants, and what to do.
func (c *cellColumn) misfit(cell []byte, what string) string {
	msg := fmt.Sprintf("%s %s%s", quote(string(cell)), what, c.naHint)
	if c.blank && !c.declared {
		msg += fmt.Sprintf("; the column had no value in the first %d records of any rank and was taken for numbers, so declare its type if it is none, as in types = [\"%s: string\"]", sampleRecords, c.name)
	}
	return msg
}

// array is the cells as an array of the column's type, which the caller releases.
func (c *cellColumn) array() arrow.Array {
	a := c.b.NewArray()
	if arrow.TypeEqual(a.DataType(), c.typ) {
		return a
	}
	defer a.Release()
	switch x := a.(type) {
	case *array.Int64:
		v := x.Int64Values()
		switch c.typ.ID() {
		case arrow.INT8, arrow.UINT8:
			return inUnits[int8](c.m, x, c.typ, v, 1)
		case arrow.INT16, arrow.UINT16:
			return inUnits[int16](c.m, x, c.typ, v, 1)
		case arrow.INT32, arrow.UINT32:
			return inUnits[int32](c.m, x, c.typ, v, 1)
		case arrow.DATE32:
			return inUnits[int32](c.m, x, c.typ, v, usPerDay)
		case arrow.DATE64:
			return inUnits[int64](c.m, x, c.typ, v, 1000)
		case arrow.TIMESTAMP:
			if c.tick > 1 {
				return inUnits[int64](c.m, x, c.typ, v, c.tick)
			}
		}
	case *array.Float64:
		b := newBuffer(c.m, 4*x.Len())
		to := view[float32](b)
		for i, v := range x.Float64Values() {
			to[i] = float32(v)
		}
		return newArray(c.typ, x.Len(), x.NullN(), copyValidity(c.m, x), b)
	}
	d := a.Data() // only the name of the type differs
	same := array.NewData(c.typ, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer same.Release()
	return array.MakeFromData(same)
}

// inUnits makes an array of integers of another width, each divided by unit.
func inUnits[T int8 | int16 | int32 | int64](m *Memory, a arrow.Array, to Type, v []int64, unit int64) arrow.Array {
	b := newBuffer(m, len(v)*to.(arrow.FixedWidthDataType).BitWidth()/8)
	cells := view[T](b)
	for i, x := range v {
		cells[i] = T(x / unit)
	}
	return newArray(to, len(v), a.NullN(), copyValidity(m, a), b)
}
