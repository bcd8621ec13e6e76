package frame

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
)

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
