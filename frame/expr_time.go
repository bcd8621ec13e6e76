package frame

import (
	"math"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/expr-lang/expr/ast"
)

// part is a part of a time in some zone.
type timePart struct {
	of    func(day, second int64) int64 // days since 1970-01-01, seconds of the day
	clock bool                          // dates have none
}

// dateParts are functions of a time.
var dateParts = map[string]timePart{
	"year":      {of: func(d, _ int64) int64 { y, _, _ := civil(d); return y }},
	"month":     {of: func(d, _ int64) int64 { _, m, _ := civil(d); return int64(m) + 1 }},
	"day":       {of: func(d, _ int64) int64 { _, _, first := civil(d); return d - first + 1 }},
	"dayofyear": {of: func(d, _ int64) int64 { return d - newYear(d) + 1 }},
	"weekday":   {of: func(d, _ int64) int64 { return d - mondayOf(d) + 1 }},
	"week":      {of: func(d, _ int64) int64 { t := mondayOf(d) + 3; return (t-newYear(t))/7 + 1 }}, // that of its Thursday, ISO 8601
	"hour":      {func(_, s int64) int64 { return s / 3600 }, true},
	"minute":    {func(_, s int64) int64 { return s / 60 % 60 }, true},
	"second":    {func(_, s int64) int64 { return s % 60 }, true},
}

// newYear is the first day of the year of a day.
func newYear(day int64) int64 {
	y, _, _ := civil(day)
	return monthStart((y - 1970) * 12)
}

// mondayOf is the last Monday up to a day.
func mondayOf(day int64) int64 { return floorDiv(day-monday, 7)*7 + monday }

func datePart(name string, p timePart) func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
	return func(b *binder, n ast.Node, a []*exprNode) (*exprNode, error) {
		x := a[0]
		if x.kind == exprMissing {
			return b.to(x, exprInt, kindTypes[exprInt]), nil
		}
		perDay, zone, err := b.times(n, name, x)
		if err != nil {
			return nil, err
		}
		if _, stamp := x.typ.(*arrow.TimestampType); p.clock && !stamp {
			return nil, b.errorf(n, "%s of %s: a date has no time of day", name, x.what())
		}
		return strict(exprInt, func(e *evaluation, _ scope, a []lane) lane {
			out := e.ints()
			z := zoneClock{zone: zone, perDay: perDay}
			for i, t := range a[0].i[:len(out)] {
				out[i] = p.of(z.local(t))
			}
			return lane{i: out}
		}, x), nil
	}
}

// times is the unit and zone of x, which must be a date or timestamp; nil is UTC.
func (b *binder) times(n ast.Node, name string, x *exprNode) (perDay int64, zone *time.Location, err error) {
	if x.kind != exprTime {
		return 0, nil, b.errorf(n, "%s takes a date or timestamp, not %s", name, x.what())
	}
	perDay, _ = ticksPerDay(x.typ)
	zone, err = zoneOf(x.typ)
	if err != nil {
		return 0, nil, b.errorf(n, "%v", err)
	}
	return perDay, zone, nil
}

// zoneClock reads times on the clocks of a zone. It remembers the present offset from UTC.
type zoneClock struct {
	zone       *time.Location // nil: UTC
	perDay     int64
	offset     int64 // seconds east, for from ≤ second < until
	from, till int64
}

// local is the day since 1970-01-01 and the second of the day.
func (z *zoneClock) local(t int64) (day, second int64) {
	if z.perDay == 1 {
		return t, 0
	}
	sec := t
	if perSec := z.perDay / 86400; perSec > 1 {
		sec = floorDiv(t, perSec)
	}
	if z.zone != nil {
		sec += z.offsetAt(sec)
	}
	day = floorDiv(sec, 86400)
	return day, sec - day*86400
}

func (z *zoneClock) offsetAt(sec int64) int64 {
	if z.from <= sec && sec < z.till {
		return z.offset
	}
	at := time.Unix(sec, 0).In(z.zone)
	_, off := at.Zone()
	from, till := at.ZoneBounds()
	z.offset, z.from, z.till = int64(off), math.MinInt64, math.MaxInt64
	if !from.IsZero() {
		z.from = from.Unix()
	}
	if !till.IsZero() {
		z.till = till.Unix()
	}
	return z.offset
}

// toDate is a literal, or the day of a timestamp in its zone, or a text.
func (b *binder) toDate(n ast.Node, a []*exprNode) (*exprNode, error) {
	date := arrow.FixedWidthTypes.Date32
	x := a[0]
	run := parseTexts(date)
	switch x.kind {
	case exprMissing:
		return b.to(x, exprTime, date), nil
	case exprText:
		if s, ok := x.value.(string); ok {
			return b.timeLiteral(n, s, date)
		}
	case exprTime:
		perDay, zone, err := b.times(n, "date", x)
		if err != nil {
			return nil, err
		}
		run = func(e *evaluation, s scope, a []lane) lane {
			out := e.ints()
			z := zoneClock{zone: zone, perDay: perDay}
			for i, t := range a[0].i[:len(out)] {
				out[i], _ = z.local(t)
				if int64(int32(out[i])) != out[i] {
					e.fails(s, i, "the day %d since 1970-01-01 is out of the range of dates", out[i])
				}
			}
			return lane{i: out}
		}
	default:
		return nil, b.errorf(n, "date takes text or a timestamp, not %s", x.what())
	}
	return &exprNode{kind: exprTime, typ: date, column: -1, run: run, args: []*exprNode{x}}, nil
}

// toTimestamp is a literal, or a date's midnight, or a text, or a timestamp, in microseconds; a timestamp keeps its
// zone, and nanoseconds are rounded down.
func (b *binder) toTimestamp(n ast.Node, a []*exprNode) (*exprNode, error) {
	stamp := &arrow.TimestampType{Unit: arrow.Microsecond}
	x := a[0]
	run := parseTexts(stamp)
	switch x.kind {
	case exprMissing:
		return b.to(x, exprTime, stamp), nil
	case exprText:
		if s, ok := x.value.(string); ok {
			return b.timeLiteral(n, s, stamp)
		}
	case exprTime:
		if from, ok := x.typ.(*arrow.TimestampType); ok {
			stamp = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: from.TimeZone}
		}
		perDay, _ := ticksPerDay(x.typ)
		if perDay == usPerDay {
			return x, nil
		}
		if perDay > usPerDay {
			run = func(e *evaluation, _ scope, a []lane) lane {
				out := e.ints()
				for i, t := range a[0].i[:len(out)] {
					out[i] = floorDiv(t, perDay/usPerDay)
				}
				return lane{i: out}
			}
			break
		}
		run = func(e *evaluation, s scope, a []lane) lane {
			out := e.ints()
			for i, t := range a[0].i[:len(out)] {
				us, ok := mulInts(t, usPerDay/perDay)
				if out[i] = us; !ok {
					e.fails(s, i, "%s is out of the range of timestamps in microseconds", timeText(t, perDay))
				}
			}
			return lane{i: out}
		}
	default:
		return nil, b.errorf(n, "timestamp takes text, a date or a timestamp, not %s", x.what())
	}
	return &exprNode{kind: exprTime, typ: stamp, column: -1, run: run, args: []*exprNode{x}}, nil
}

func (b *binder) timeLiteral(n ast.Node, s string, typ arrow.DataType) (*exprNode, error) {
	t, err := parseTimeCell([]byte(s), typ)
	if err != nil {
		return nil, b.errorf(n, "%v", err)
	}
	out := literal(t)
	out.kind, out.typ = exprTime, typ
	return out, nil
}

// parseTexts reads times of a type.
func parseTexts(typ arrow.DataType) func(e *evaluation, s scope, a []lane) lane {
	return func(e *evaluation, s scope, a []lane) lane {
		out := e.ints()
		for i := range out {
			out[i] = 0
			if s.null != nil && s.null[i] {
				continue
			}
			var err error
			if out[i], err = parseTimeCell(a[0].str(i), typ); err != nil {
				e.fails(s, i, "%v", err)
			}
		}
		return lane{i: out}
	}
}
