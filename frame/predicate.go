package frame

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
)

// Predicate compares a column's cells with a constant. A missing cell satisfies none;
// NaN satisfies only "!=".
type Predicate struct {
	Column string
	Op     string // =, !=, <, <=, > or >=
	// Value is an int, int64 or uint64 for columns of integers, also a float64 for floats, a
	// string for text, a bool, and a [time.Time] for dates and timestamps.
	Value any
}

var compareOps = []string{"=", "!=", "<", "<=", ">", ">="}

// condition is a Predicate for a column of a known type; one of the constants is set.
type condition struct {
	op  string // as in expressions: == for =
	typ arrow.DataType
	i   int64 // of signed integers, dates and times in the column's unit
	u   uint64
	f   float64
	s   []byte
	b   bool
}

// newCondition is p for columns of type dt.
func newCondition(p Predicate, dt arrow.DataType) (*condition, error) {
	t := &condition{op: p.Op, typ: dt}
	if !slices.Contains(compareOps, p.Op) {
		return nil, fmt.Errorf("where column %s: no comparison %s; there are: %s", quote(p.Column), quote(p.Op), list(compareOps))
	}
	wrong := fmt.Errorf("where column %s: its type %s cannot be compared with %v (%T)", quote(p.Column), dt, p.Value, p.Value)
	if p.Op == "=" {
		t.op = "=="
	}
	v := p.Value
	if n, ok := v.(int); ok {
		v = int64(n)
	}
	switch id := dt.ID(); id {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64:
		switch v := v.(type) {
		case int64:
			t.i = v
			return t, nil
		case uint64:
			if v <= math.MaxInt64 {
				t.i = int64(v)
				return t, nil
			}
		}
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		switch v := v.(type) {
		case uint64:
			t.u = v
			return t, nil
		case int64:
			if v >= 0 {
				t.u = uint64(v)
				return t, nil
			}
		}
	case arrow.FLOAT32, arrow.FLOAT64:
		switch v := v.(type) {
		case float64:
			t.f = v
			return t, nil
		case int64:
			t.f = float64(v)
			return t, nil
		}
	case arrow.LARGE_STRING:
		if s, ok := v.(string); ok {
			t.s = []byte(s)
			return t, nil
		}
	case arrow.BOOL:
		if b, ok := v.(bool); ok && (p.Op == "=" || p.Op == "!=") {
			t.b = b
			return t, nil
		}
	case arrow.DATE32, arrow.DATE64, arrow.TIMESTAMP:
		if at, ok := v.(time.Time); ok {
			var exact bool
			if t.i, exact = timeCell(dt, at); !exact {
				return nil, fmt.Errorf("where column %s: %s is no value of its type %s", quote(p.Column), at.Format(time.RFC3339Nano), dt)
			}
			return t, nil
		}
	}
	return nil, wrong
}

// timeCell is a time as a cell of a column of dates or timestamps, and whether it is one exactly.
func timeCell(dt arrow.DataType, at time.Time) (int64, bool) {
	sec, ns := at.Unix(), int64(at.Nanosecond())
	per, parts := int64(1), int64(0) // seconds a unit; units a second
	switch dt := dt.(type) {
	case *arrow.Date32Type:
		per = 86400
	case *arrow.Date64Type:
		return sec * 1e3, sec%86400 == 0 && ns == 0
	case *arrow.TimestampType:
		parts = []int64{1, 1e3, 1e6, 1e9}[dt.Unit]
	}
	if parts == 0 {
		return sec / per, sec%per == 0 && ns == 0
	}
	if parts > 1 && (sec > math.MaxInt64/parts-1 || sec < math.MinInt64/parts+1) {
		return 0, false
	}
	return sec*parts + ns*parts/1e9, ns*parts%1e9 == 0
}

// mayHold reports whether some value between two that compare with the constant as lo and hi do
// may satisfy the test.
func (t *condition) mayHold(lo, hi int) bool {
	switch t.op {
	case "==":
		return lo <= 0 && hi >= 0
	case "!=":
		return lo != 0 || hi != 0
	case "<", "<=":
		return holds(t.op, lo)
	}
	return holds(t.op, hi)
}

// and takes away from keep the rows whose cells do not satisfy the test.
func (t *condition) and(c *column, keep []bool) {
	switch t.typ.ID() {
	case arrow.INT8:
		compareAll(values[int8](c), t.op, t.i, keep)
	case arrow.INT16:
		compareAll(values[int16](c), t.op, t.i, keep)
	case arrow.INT32, arrow.DATE32:
		compareAll(values[int32](c), t.op, t.i, keep)
	case arrow.INT64, arrow.DATE64, arrow.TIMESTAMP:
		compareAll(values[int64](c), t.op, t.i, keep)
	case arrow.UINT8:
		compareAll(values[uint8](c), t.op, t.u, keep)
	case arrow.UINT16:
		compareAll(values[uint16](c), t.op, t.u, keep)
	case arrow.UINT32:
		compareAll(values[uint32](c), t.op, t.u, keep)
	case arrow.UINT64:
		compareAll(values[uint64](c), t.op, t.u, keep)
	case arrow.FLOAT32:
		compareAll(values[float32](c), t.op, t.f, keep)
	case arrow.FLOAT64:
		compareAll(values[float64](c), t.op, t.f, keep)
	case arrow.BOOL:
		for i := range keep {
			keep[i] = keep[i] && (c.bit(i) == t.b) == (t.op == "==")
		}
	default:
		for i := range keep {
			keep[i] = keep[i] && holds(t.op, bytes.Compare(c.str(i), t.s))
		}
	}
	if c.valid != nil {
		for i := range keep {
			keep[i] = keep[i] && !c.isNull(i)
		}
	}
}

type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// compareAll keeps the rows whose cells satisfy the comparison with v.
func compareAll[T, V number](cells []T, op string, v V, keep []bool) {
	switch op {
	case "==":
		for i, x := range cells {
			keep[i] = keep[i] && V(x) == v
		}
	case "!=":
		for i, x := range cells {
			keep[i] = keep[i] && V(x) != v
		}
	case "<":
		for i, x := range cells {
			keep[i] = keep[i] && V(x) < v
		}
	case "<=":
		for i, x := range cells {
			keep[i] = keep[i] && V(x) <= v
		}
	case ">":
		for i, x := range cells {
			keep[i] = keep[i] && V(x) > v
		}
	case ">=":
		for i, x := range cells {
			keep[i] = keep[i] && V(x) >= v
		}
	}
}

// between reports whether a value from lo to hi may satisfy the test; the bounds are cells
// as Parquet stores them. It is true where the bounds tell nothing.
func (t *condition) between(lo, hi []byte) bool {
	id := t.typ.ID()
	if id == arrow.LARGE_STRING {
		return bytes.Compare(lo, hi) > 0 || t.mayHold(bytes.Compare(lo, t.s), bytes.Compare(hi, t.s))
	}
	if len(lo) != len(hi) || len(lo) != 4 && len(lo) != 8 {
		return true
	}
	wide := len(lo) == 8
	signed := func(b []byte) int64 {
		if wide {
			return i64At(b, 0)
		}
		return int64(int32(u32At(b, 0)))
	}
	unsigned := func(b []byte) uint64 {
		if wide {
			return uint64(i64At(b, 0))
		}
		return uint64(u32At(b, 0))
	}
	float := func(b []byte) float64 {
		if wide {
			return math.Float64frombits(unsigned(b))
		}
		return float64(math.Float32frombits(uint32(unsigned(b))))
	}
	switch id {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.DATE32, arrow.TIMESTAMP:
		return inBounds(t, signed(lo), signed(hi), t.i)
	case arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return inBounds(t, unsigned(lo), unsigned(hi), t.u)
	case arrow.FLOAT32, arrow.FLOAT64:
		l, h := float(lo), float(hi)
		if t.op == "!=" || math.IsNaN(l) || math.IsNaN(h) || math.IsNaN(t.f) { // bounds leave NaN out, which satisfies !=
			return true
		}
		return inBounds(t, l, h, t.f)
	}
	return true
}

// inBounds reports whether a value from lo to hi may compare with v as the test wants. Bounds
// in the wrong order are not believed.
func inBounds[T cmp.Ordered](t *condition, lo, hi, v T) bool {
	return lo > hi || t.mayHold(cmp.Compare(lo, v), cmp.Compare(hi, v))
}
