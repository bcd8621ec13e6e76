package frame

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
)

// cellText is how a format of text writes cells: JSON, or CSV with bytes that need quotes.
type cellText struct {
	json  bool
	quote [256]bool
	empty []byte // an empty text of CSV
}

// putCell appends the cell of a row, which is not missing, to b.
type putCell func(b []byte, row int) []byte

// badCell is a cell that has no form that readers know.
type badCell struct {
	row  int // of its column
	what string
}

// column is how the cells of c are written.
func (t *cellText) column(c *column) (putCell, *badCell) {
	switch typ := c.typ.(type) {
	case *arrow.BooleanType:
		return func(b []byte, row int) []byte { return strconv.AppendBool(b, c.bit(row)) }, nil
	case *arrow.Int8Type:
		return putInts[int8](c), nil
	case *arrow.Int16Type:
		return putInts[int16](c), nil
	case *arrow.Int32Type:
		return putInts[int32](c), nil
	case *arrow.Int64Type:
		return putInts[int64](c), nil
	case *arrow.Uint8Type:
		return putInts[uint8](c), nil
	case *arrow.Uint16Type:
		return putInts[uint16](c), nil
	case *arrow.Uint32Type:
		return putInts[uint32](c), nil
	case *arrow.Uint64Type:
		v := values[uint64](c)
		return func(b []byte, row int) []byte { return strconv.AppendUint(b, v[row], 10) }, nil
	case *arrow.Float32Type:
		return putFloats[float32](t, c, 32)
	case *arrow.Float64Type:
		return putFloats[float64](t, c, 64)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return t.texts(c)
	case *arrow.Decimal128Type:
		v := values[decimal128.Num](c)
		return func(b []byte, row int) []byte { return append(b, v[row].ToString(typ.Scale)...) }, nil
	case *arrow.Date32Type:
		return putTimes[int32](t, c, clockForm{perDay: 1, date: true})
	case *arrow.Date64Type:
		return putTimes[int64](t, c, clockForm{perDay: 86400e3, digits: 3, date: true, briefly: true})
	case *arrow.TimestampType:
		perSec, digits := unitOf(typ.Unit)
		return putTimes[int64](t, c, clockForm{perDay: 86400 * perSec, digits: digits, date: true, clock: true, zone: typ.TimeZone != ""})
	case *arrow.Time32Type:
		perSec, digits := unitOf(typ.Unit)
		return putTimes[int32](t, c, clockForm{perDay: 86400 * perSec, digits: digits, clock: true})
	case *arrow.Time64Type:
		perSec, digits := unitOf(typ.Unit)
		return putTimes[int64](t, c, clockForm{perDay: 86400 * perSec, digits: digits, clock: true})
	case *arrow.DurationType:
		return putInts[int64](c), nil
	}
	panic("frame: cells of " + c.typ.String() + " as text")
}

// unitOf is the number of units in a second, and their decimal digits.
func unitOf(u arrow.TimeUnit) (perSec int64, digits int) {
	digits = 3 * int(u)
	perSec = 1
	for range digits {
		perSec *= 10
	}
	return perSec, digits
}

func putInts[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](c *column) putCell {
	v := values[T](c)
	return func(b []byte, row int) []byte { return strconv.AppendInt(b, int64(v[row]), 10) }
}

// putFloats writes the fewest digits that read as the same number, with a point or an
// exponent, so that the column is read as numbers with decimals again.
func putFloats[T float32 | float64](t *cellText, c *column, bits int) (putCell, *badCell) {
	v := values[T](c)
	if t.json {
		for i, x := range v {
			if f := float64(x); (math.IsNaN(f) || math.IsInf(f, 0)) && !c.isNull(i) {
				return nil, &badCell{i, fmt.Sprintf("is %g, which JSON has no form for; make it missing first", f)}
			}
		}
	}
	return func(b []byte, row int) []byte {
		n := len(b)
		b = strconv.AppendFloat(b, float64(v[row]), 'g', -1, bits)
		for _, ch := range b[n:] {
			if ch != '-' && (ch < '0' || ch > '9') {
				return b
			}
		}
		return append(b, ".0"...)
	}, nil
}

// texts writes bytes as they are, in CSV within quotes where it needs them.
func (t *cellText) texts(c *column) (putCell, *badCell) {
	for i := range c.n {
		switch s := c.str(i); {
		case c.isNull(i):
		case t.json && !utf8.Valid(s):
			return nil, &badCell{i, "holds bytes that are not UTF-8 text, which JSON must be"}
		case !t.json && bytes.IndexByte(s, 0) >= 0:
			return nil, &badCell{i, "holds a NUL byte, which no CSV file may"}
		}
	}
	if t.json {
		return func(b []byte, row int) []byte { return appendJSON(b, c.str(row)) }, nil
	}
	return func(b []byte, row int) []byte { return t.appendCSV(b, c.str(row)) }, nil
}

// appendCSV appends a text, within quotes where it needs them (RFC 4180).
func (t *cellText) appendCSV(b, s []byte) []byte {
	if len(s) == 0 {
		return append(b, t.empty...)
	}
	plain := true
	for _, ch := range s {
		if t.quote[ch] {
			plain = false
			break
		}
	}
	if plain {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			break
		}
		b = append(append(b, s[:i+1]...), '"')
		s = s[i+1:]
	}
	return append(append(b, s...), '"')
}

// appendJSON appends a JSON string (RFC 8259 §7).
func appendJSON(b, s []byte) []byte {
	b = append(b, '"')
	from := 0
	for i, ch := range s {
		if ch >= ' ' && ch != '"' && ch != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch ch {
		case '"', '\\':
			b = append(b, '\\', ch)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = fmt.Appendf(b, `\u%04x`, ch)
		}
	}
	return append(append(b, s[from:]...), '"')
}

// clockForm is how times are written: 2006-01-02 15:04:05.999, UTC.
type clockForm struct {
	perDay  int64 // units of the values
	digits  int   // decimal digits of a second in a unit
	date    bool
	clock   bool
	briefly bool // the clock only where it is not midnight
	zone    bool // Z behind
}

// putTimes writes times in a form. Years beyond 0 to 9999 are an error.
func putTimes[T int32 | int64](t *cellText, c *column, f clockForm) (putCell, *badCell) {
	v := values[T](c)
	first, last := daysTo(0, 1, 1), daysTo(9999, 12, 31)
	if !f.date {
		first, last = 0, 0
	}
	for i, x := range v {
		if day := floorDiv(int64(x), f.perDay); (day < first || day > last) && !c.isNull(i) {
			if !f.date {
				return nil, &badCell{i, "is no time of a day"}
			}
			return nil, &badCell{i, "lies outside of the years 0 to 9999"}
		}
	}
	if !t.json {
		return func(b []byte, row int) []byte { return f.append(b, int64(v[row])) }, nil
	}
	return func(b []byte, row int) []byte { return append(f.append(append(b, '"'), int64(v[row])), '"') }, nil
}

func (f *clockForm) append(b []byte, v int64) []byte {
	day := floorDiv(v, f.perDay)
	rest := v - day*f.perDay
	if f.date {
		year, month, first := civil(day)
		b = append(appendPadded(b, int(year), 4), '-')
		b = append(appendPadded(b, month+1, 2), '-')
		b = appendPadded(b, int(day-first)+1, 2)
	}
	if !f.clock && (!f.briefly || rest == 0) {
		return b
	}
	if f.date {
		b = append(b, ' ')
	}
	perSec := f.perDay / 86400
	sec, frac := rest/perSec, rest%perSec
	b = append(appendPadded(b, int(sec/3600), 2), ':')
	b = append(appendPadded(b, int(sec/60%60), 2), ':')
	b = appendPadded(b, int(sec%60), 2)
	if frac > 0 {
		b = appendPadded(append(b, '.'), int(frac), f.digits)
	}
	if f.zone {
		b = append(b, 'Z')
	}
	return b
}

// appendPadded appends n ≥ 0 with leading zeros to a width of at most 9 digits.
func appendPadded(b []byte, n, width int) []byte {
	var d [9]byte
	for i := width - 1; i >= 0; i-- {
		d[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, d[:width]...)
}
