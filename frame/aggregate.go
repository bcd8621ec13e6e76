package frame

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Agg is an aggregate of the cells of a column that are not missing. Functions and the
// types of their results:
//
//	count, distinct              int64; count without a column is the number of rows
//	sum                          int64 of integers and booleans, float64 of floats
//	mean, var, std               float64; var and std divide by n-1
//	median, quantile             float64, between two cells by linear interpolation
//	min, max, first, last        the column's type; NaN is above all numbers
//
// Of no cell, count and distinct are 0 and the others missing; so are var and std of one.
type Agg struct {
	Column string
	Func   string
	As     string  // the result's column; "" means column_func
	Q      float64 // of quantile: 0 is the least, 1 the greatest
}

var aggFuncs = []string{"count", "distinct", "sum", "mean", "var", "std", "median", "quantile", "min", "max", "first", "last"}

func (g *Agg) name() string {
	switch {
	case g.As != "":
		return g.As
	case g.Column == "":
		return g.Func
	}
	return g.Column + "_" + g.Func
}

// bind finds the column of g in t and the type of the result; the column is -1 for a count of rows.
func (g *Agg) bind(t *Table) (column int, f arrow.Field, err error) {
	f = arrow.Field{Name: g.name(), Type: arrow.PrimitiveTypes.Int64, Nullable: true}
	if !slices.Contains(aggFuncs, g.Func) {
		msg := "no aggregate " + quote(g.Func)
		if n, ok := Nearest(g.Func, aggFuncs); ok {
			msg += "; did you mean " + quote(n) + "?"
		}
		return 0, f, errors.New(msg + "; aggregates: " + list(aggFuncs))
	}
	if g.Func == "quantile" && !(g.Q >= 0 && g.Q <= 1) {
		return 0, f, fmt.Errorf("quantile of column %s: %v is not between 0 and 1", quote(g.Column), g.Q)
	}
	if g.Column == "" && g.Func == "count" {
		return -1, f, nil
	}
	if column, err = t.index(g.Column); err != nil {
		return 0, f, err
	}
	dt := t.schema.Field(column).Type
	switch g.Func {
	case "count", "distinct":
		return column, f, nil
	case "min", "max", "first", "last":
		f.Type = dt
		return column, f, nil
	}
	if !isNumeric(dt) {
		return 0, f, fmt.Errorf("%s of column %s: it is %s, not a number", g.Func, quote(g.Column), dt)
	}
	if g.Func != "sum" || isFloat(dt) {
		f.Type = arrow.PrimitiveTypes.Float64
	}
	return column, f, nil
}

func isFloat(dt arrow.DataType) bool { return dt.ID() == arrow.FLOAT32 || dt.ID() == arrow.FLOAT64 }

// isNumeric reports whether [floats] reads the type.
func isNumeric(dt arrow.DataType) bool {
	return isFloat(dt) || arrow.IsInteger(dt.ID()) || dt.ID() == arrow.BOOL
}

// floats are the cells of a column of numbers or booleans, missing ones arbitrary. The caller frees them.
func floats(m *Memory, c *column) []float64 {
	f := alloc[float64](m, c.n)
	switch c.typ.ID() {
	case arrow.FLOAT64:
		copy(f, values[float64](c))
	case arrow.FLOAT32:
		convert(f, values[float32](c))
	case arrow.UINT64:
		convert(f, values[uint64](c))
	default:
		w := integers(m, c)
		convert(f, w)
		free(m, w)
	}
	return f
}

// integers are the cells of a column of integers, but uint64, or booleans. The caller frees them.
func integers(m *Memory, c *column) []int64 {
	w := alloc[int64](m, c.n)
	switch c.typ.ID() {
	case arrow.INT64:
		copy(w, values[int64](c))
	case arrow.INT32:
		convert(w, values[int32](c))
	case arrow.INT16:
		convert(w, values[int16](c))
	case arrow.INT8:
		convert(w, values[int8](c))
	case arrow.UINT32:
		convert(w, values[uint32](c))
	case arrow.UINT16:
		convert(w, values[uint16](c))
	case arrow.UINT8:
		convert(w, values[uint8](c))
	case arrow.BOOL:
		for i := range w {
			if c.bit(i) {
				w[i] = 1
			}
		}
	default:
		panic("frame: integers of " + c.typ.String())
	}
	return w
}

func convert[D float64 | int64, S float32 | int64 | int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8](to []D, from []S) {
	for i, v := range from {
		to[i] = D(v)
	}
}

// collector is n cells of 8 bytes, all missing at first.
type collector[T int64 | float64] struct {
	buf, valid *memory.Buffer
	v          []T
	set        int
}

func newCollector[T int64 | float64](m *Memory, n int) *collector[T] {
	c := &collector[T]{buf: newBuffer(m, 8*n), valid: newBuffer(m, (n+7)/8)}
	c.v = view[T](c.buf)
	return c
}

// put sets cell i, once.
func (c *collector[T]) put(i int, v T) {
	c.v[i] = v
	bitutil.SetBit(c.valid.Bytes(), i)
	c.set++
}

// array is the column, which takes over the memory of c.
func (c *collector[T]) array(dt arrow.DataType) arrow.Array {
	return newArray(dt, len(c.v), len(c.v)-c.set, c.valid, c.buf)
}

func (c *collector[T]) release() {
	c.buf.Release()
	c.valid.Release()
}

// precise is a sum with the error that float64 makes in it; Neumaier, ZAMM 54 (1974) 39.
type precise struct{ sum, lost float64 }

func (p *precise) add(x float64) {
	s := p.sum + x
	if math.Abs(p.sum) >= math.Abs(x) {
		p.lost += (p.sum - s) + x
	} else {
		p.lost += (x - s) + p.sum
	}
	p.sum = s
}

func (p *precise) merge(q precise) {
	p.add(q.sum)
	p.lost += q.lost
}

func (p *precise) value() float64 {
	if math.IsInf(p.sum, 0) || math.IsNaN(p.sum) { // lost is Inf - Inf
		return p.sum
	}
	return p.sum + p.lost
}

// moments are the number, mean and sum of squared deviations of cells; Welford, Technometrics
// 4 (1962) 419, and for merging Chan, Golub and LeVeque, Stanford CS-79-773.
type moments struct{ n, mean, m2 float64 }

func (a *moments) add(x float64) {
	a.n++
	d := x - a.mean
	a.mean += d / a.n
	a.m2 += d * (x - a.mean)
}

func (a *moments) merge(b moments) {
	if b.n == 0 {
		return
	}
	n, d := a.n+b.n, b.mean-a.mean
	a.mean += d * (b.n / n)
	a.m2 += b.m2 + d*d*(a.n*b.n/n)
	a.n = n
}

// variance divides by n-1.
func (a *moments) variance() float64 { return a.m2 / (a.n - 1) }

// wide is a sum of 64-bit integers in 128 bits.
type wide struct{ lo, hi uint64 }

func (w *wide) add(x int64) {
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, uint64(x), 0)
	w.hi += uint64(x>>63) + carry
}

func (w *wide) sub(x int64) {
	var borrow uint64
	w.lo, borrow = bits.Sub64(w.lo, uint64(x), 0)
	w.hi -= uint64(x>>63) + borrow
}

func (w *wide) addUnsigned(x uint64) {
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, x, 0)
	w.hi += carry
}

// int64 is the sum; ok is false where it does not fit.
func (w *wide) int64() (v int64, ok bool) { return int64(w.lo), w.hi == uint64(int64(w.lo)>>63) }

func tooLarge(column string) error {
	return fmt.Errorf("a sum of column %s is beyond the range of int64; cast the column to float64", quote(column))
}

// sortable maps floats to integers in the same order; NaN is above all numbers, -0 is 0.
func sortable(x float64) uint64 {
	if x != x {
		return math.MaxUint64
	}
	b := math.Float64bits(x + 0)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

// fromSortable is the float that [sortable] mapped to k.
func fromSortable(k uint64) float64 {
	if k == math.MaxUint64 {
		return math.NaN()
	}
	if k>>63 == 1 {
		return math.Float64frombits(k ^ 1<<63)
	}
	return math.Float64frombits(^k)
}

// quantileOf is a quantile of sorted keys of [sortable], by linear interpolation (type 7 of
// Hyndman and Fan, American Statistician 50 (1996) 361).
func quantileOf(sorted []uint64, q float64) float64 {
	k, part := quantileAt(len(sorted), q)
	a := fromSortable(sorted[k])
	if part == 0 {
		return a
	}
	return between(a, fromSortable(sorted[k+1]), part)
}

// quantileAt is the place of a quantile among n sorted cells: behind cell k by a part of the way to the next.
func quantileAt(n int, q float64) (k int, part float64) {
	at := q * float64(n-1)
	k = int(at)
	return k, at - float64(k)
}

func between(a, b, part float64) float64 {
	if a == b { // infinities too
		return a
	}
	return a + part*(b-a)
}

// spread is the variance, or its root.
func (a *moments) spread(fn string) float64 {
	if fn == "std" {
		return math.Sqrt(a.variance())
	}
	return a.variance()
}
