package frame

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
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

// putRare appends a cell, t without spaces, of a type that few files have.
func (c *cellColumn) putRare(cell, t []byte) (fault string) {
	switch b := c.b.(type) {
	case *array.Uint64Builder:
		v, err := strconv.ParseUint(string(bytes.TrimPrefix(t, []byte{'+'})), 10, 64)
		if err != nil {
			return c.misfit(cell, "is not a whole number from 0 to 18446744073709551615")
		}
		if c.na.number(float64(v)) {
			b.AppendNull()
			return ""
		}
		b.Append(v)
	case *array.TimestampBuilder:
		v, ok := scanNanos(t)
		if !ok {
			return c.misfit(cell, "is not a time in ns such as 2016-07-01 00:00:00.123456789, from 1678 to 2262")
		}
		b.Append(arrow.Timestamp(v))
	case *array.Time32Builder:
		v, ok := scanClock(t, c.typ.(*arrow.Time32Type).Unit)
		if !ok {
			return c.misfit(cell, fmt.Sprintf("is not a time of day in %s such as 15:04:05", c.typ.(*arrow.Time32Type).Unit))
		}
		b.Append(arrow.Time32(v))
	case *array.Time64Builder:
		v, ok := scanClock(t, c.typ.(*arrow.Time64Type).Unit)
		if !ok {
			return c.misfit(cell, fmt.Sprintf("is not a time of day in %s such as 15:04:05.123", c.typ.(*arrow.Time64Type).Unit))
		}
		b.Append(arrow.Time64(v))
	case *array.Decimal128Builder:
		d := c.typ.(*arrow.Decimal128Type)
		v, ok := scanDecimal(t, d)
		if !ok {
			return c.misfit(cell, fmt.Sprintf("is not a decimal of %d digits, %d of them behind the point", d.Precision, d.Scale))
		}
		b.Append(v)
	}
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

// scanNanos reads a time of the forms of scanTime as ns since 1970-01-01 00:00 UTC.
func scanNanos(t []byte) (ns int64, ok bool) {
	us, end, ok := scanTime(t, 0)
	if !ok || end != len(t) {
		return 0, false
	}
	rest := int64(0) // digits 7 to 9 behind the point
	if i := bytes.IndexByte(t, '.'); i >= 0 {
		unit := int64(100)
		for k := i + 7; k < len(t) && t[k]-'0' <= 9; k++ {
			rest += int64(t[k]-'0') * unit
			unit /= 10
			if unit == 0 && k+1 < len(t) && t[k+1]-'0' <= 9 && t[k+1] != '0' {
				return 0, false
			}
		}
	}
	if us > (math.MaxInt64-999)/1000 || us < math.MinInt64/1000 {
		return 0, false
	}
	return us*1000 + rest, true
}

// scanClock reads hh:mm[:ss[.digits]] in a unit; a finer digit than the unit has is an error.
func scanClock(t []byte, unit arrow.TimeUnit) (int64, bool) {
	hour, ok1 := digits2(t, 0)
	minute, ok2 := digits2(t, 3)
	if !ok1 || !ok2 || t[2] != ':' || hour > 23 || minute > 59 {
		return 0, false
	}
	sec, ticks := 0, int64(1e9/unit.Multiplier().Nanoseconds())
	v := int64(0)
	if t = t[5:]; len(t) > 0 {
		var ok bool
		if sec, ok = digits2(t, 1); !ok || t[0] != ':' || sec > 59 {
			return 0, false
		}
		if t = t[3:]; len(t) > 0 {
			if t[0] != '.' || len(t) == 1 {
				return 0, false
			}
			scale := ticks
			for _, d := range t[1:] {
				if d < '0' || d > '9' || scale == 1 && d != '0' {
					return 0, false
				}
				if scale > 1 {
					scale /= 10
					v += int64(d-'0') * scale
				}
			}
		}
	}
	return int64(hour*3600+minute*60+sec)*ticks + v, true
}

// scanDecimal reads [+-]digits[.digits]; digits that the type has no place for are false.
func scanDecimal(t []byte, d *arrow.Decimal128Type) (decimal128.Num, bool) {
	neg := len(t) > 0 && t[0] == '-'
	if len(t) > 0 && (t[0] == '-' || t[0] == '+') {
		t = t[1:]
	}
	whole, frac, point := bytes.Cut(t, []byte{'.'})
	if len(whole)+len(frac) == 0 || point && len(frac) == 0 {
		return decimal128.Num{}, false
	}
	whole, frac = bytes.TrimLeft(whole, "0"), bytes.TrimRight(frac, "0")
	if len(frac) > int(d.Scale) || len(whole) > int(d.Precision-d.Scale) {
		return decimal128.Num{}, false
	}
	v, ten := decimal128.Num{}, decimal128.FromI64(10)
	for i := range len(whole) + int(d.Scale) {
		digit := byte('0')
		if i < len(whole) {
			digit = whole[i]
		} else if i-len(whole) < len(frac) {
			digit = frac[i-len(whole)]
		}
		if digit < '0' || digit > '9' {
			return decimal128.Num{}, false
		}
		v = v.Mul(ten).Add(decimal128.FromI64(int64(digit - '0')))
	}
	if neg {
		v = v.Negate()
	}
	return v, true
}

// misfit says that a cell is not what its column wants, and what to do.
func (c *cellColumn) misfit(cell []byte, what string) string {
	msg := fmt.Sprintf("%s %s%s", quote(string(cell)), what, c.naHint)
	if c.blank && !c.declared {
		msg += fmt.Sprintf("; the column had no value in the first %d records of any rank and was taken for numbers, so declare its type if it is none", sampleRecords)
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
