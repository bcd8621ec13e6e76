package frame

/*
#cgo noescape agg_count
#cgo nocallback agg_count
#cgo noescape agg_sum_f64
#cgo nocallback agg_sum_f64
#cgo noescape agg_sum_i64
#cgo nocallback agg_sum_i64
#cgo noescape agg_sum_u64
#cgo nocallback agg_sum_u64
#cgo noescape agg_wide_i64
#cgo nocallback agg_wide_i64
#cgo noescape agg_wide_u64
#cgo nocallback agg_wide_u64
#cgo noescape agg_wide_128
#cgo nocallback agg_wide_128
#cgo noescape agg_squares
#cgo nocallback agg_squares
#cgo noescape agg_least
#cgo nocallback agg_least
#cgo noescape agg_most
#cgo nocallback agg_most
#cgo noescape agg_first
#cgo nocallback agg_first
#cgo noescape agg_last
#cgo nocallback agg_last
#cgo noescape agg_spread
#cgo nocallback agg_spread
#include "hash.h"
#include "aggregate.h"
*/
import "C"

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
)

// aggregator computes one number for each group from the cells of one column.
type aggregator struct {
	g    *grouping
	col  column
	rows C.agg_rows
	pin  runtime.Pinner
}

func (g *grouping) over(c column) *aggregator {
	a := &aggregator{g: g, col: c}
	for _, p := range []unsafe.Pointer{unsafe.Pointer(unsafe.SliceData(g.id)), unsafe.Pointer(unsafe.SliceData(g.row)), unsafe.Pointer(unsafe.SliceData(c.valid))} {
		if p != nil {
			a.pin.Pin(p)
		}
	}
	a.rows = C.agg_rows{id: u32(g.id), row: u32(g.row), n: C.int64_t(len(g.id)), valid: p8(c.valid), bit0: C.int64_t(c.bit0)}
	return a
}

func (a *aggregator) done() { a.pin.Unpin() }

func (a *aggregator) groups() int { return len(a.g.first) }

func (a *aggregator) count() []int64 {
	out := alloc[int64](a.g.m, a.groups())
	C.agg_count(i64(out), &a.rows)
	return out
}

func (a *aggregator) floats() ([]float64, func()) { return floats(a.g.m, &a.col) }
func (a *aggregator) ints() ([]int64, func())     { return integers(a.g.m, &a.col) }

// floats are the cells of a column of numbers or booleans as float64, not to be written to; the second
// result frees them.
func floats(m *Memory, c *column) ([]float64, func()) {
	if c.typ.ID() == arrow.FLOAT64 {
		return values[float64](c), func() {}
	}
	f := alloc[float64](m, c.n)
	switch c.typ.ID() {
	case arrow.FLOAT32:
		convertTo(f, values[float32](c))
	case arrow.UINT64:
		convertTo(f, values[uint64](c))
	default:
		i, done := integers(m, c)
		convertTo(f, i)
		done()
	}
	return f, func() { free(m, f) }
}

// integers are the cells of a column of integers, but uint64, or booleans as int64, not to be written
// to; the second result frees them.
func integers(m *Memory, c *column) ([]int64, func()) {
	if wordKind(c.typ) == C.W_I64 {
		return values[int64](c), func() {}
	}
	i := alloc[int64](m, c.n)
	wideInts(i, c)
	return i, func() { free(m, i) }
}

func (a *aggregator) sumFloats() []float64 {
	x, done := a.floats()
	defer done()
	out := alloc[float64](a.g.m, a.groups())
	C.agg_sum_f64(f64(out), &a.rows, f64(x))
	return out
}

// squares is Σ (x − mean)² of each group.
func (a *aggregator) squares(mean []float64) []float64 {
	x, done := a.floats()
	defer done()
	out := alloc[float64](a.g.m, a.groups())
	C.agg_squares(f64(out), &a.rows, f64(x), f64(mean))
	return out
}

// sum is the exact sum of whole numbers: []int64, of uint64 []uint64, or []wide where some sum, or one on the way to it,
// leaves 64 bits.
func (a *aggregator) sum() any {
	m, n := a.g.m, a.groups()
	if a.col.typ.ID() == arrow.UINT64 {
		x := values[uint64](&a.col)
		out := alloc[uint64](m, n)
		if C.agg_sum_u64(u64(out), &a.rows, u64(x)) < 0 {
			return out
		}
		free(m, out)
		more := alloc[wide](m, n)
		C.agg_wide_u64(wides(more), &a.rows, u64(x))
		return more
	}
	if a.col.typ.ID() == arrow.DECIMAL128 { // parts
		out := alloc[wide](m, n)
		C.agg_wide_128(wides(out), &a.rows, wides(values[wide](&a.col)))
		return out
	}
	x, done := a.ints()
	defer done()
	out := alloc[int64](m, n)
	if C.agg_sum_i64(i64(out), &a.rows, i64(x)) < 0 {
		return out
	}
	free(m, out)
	more := alloc[wide](m, n)
	C.agg_wide_i64(wides(more), &a.rows, i64(x))
	return more
}

func wides(s []wide) *C.agg_wide { return (*C.agg_wide)(unsafe.Pointer(unsafe.SliceData(s))) }

// choose is the row of each group with its least, most, first or last cell; noRow where all are missing.
func (a *aggregator) choose(how string) []uint32 {
	m := a.g.m
	out := alloc[uint32](m, a.groups())
	for i := range out {
		out[i] = noRow
	}
	switch how {
	case "first":
		C.agg_first(u32(out), &a.rows)
		return out
	case "last":
		C.agg_last(u32(out), &a.rows)
		return out
	}
	w, ok := words(m, &a.col)
	if !ok {
		a.chooseSlowly(out, how)
		return out
	}
	defer free(m, w)
	best := alloc[uint64](m, len(out))
	defer free(m, best)
	if how == "min" {
		C.agg_least(u32(out), u64(best), &a.rows, u64(w))
	} else {
		C.agg_most(u32(out), u64(best), &a.rows, u64(w))
	}
	return out
}

// chooseSlowly is for text and decimals, which have no words.
func (a *aggregator) chooseSlowly(out []uint32, how string) {
	for i, g := range a.g.id {
		k := a.g.rowAt(i)
		if a.col.isNull(int(k)) {
			continue
		}
		if out[g] == noRow {
			out[g] = k
			continue
		}
		d := compareCells(&a.col, int(k), &a.col, int(out[g]))
		if how == "max" {
			d = -d
		}
		if d < 0 || d == 0 && k < out[g] {
			out[g] = k
		}
	}
}

// quantiles is the q-quantile of each group's cells, between two of them by linear interpolation (Hyndman and
// Fan 1996, type 7); NaN is above all numbers. Groups without cells are not ok.
func (a *aggregator) quantiles(q float64) (out []float64, ok []bool) {
	m := a.g.m
	x, done := a.floats()
	defer done()
	w := alloc[uint64](m, len(x))
	defer free(m, w)
	C.to_words(u64(w), unsafe.Pointer(f64(x)), 0, C.int64_t(len(x)), C.W_F64)
	counts := a.count()
	defer free(m, counts)
	end := alloc[int64](m, len(counts))
	defer free(m, end)
	total := int64(0)
	for g, n := range counts {
		end[g] = total
		total += n
	}
	sorted := alloc[uint64](m, int(total))
	defer free(m, sorted)
	C.agg_spread(u64(sorted), i64(end), &a.rows, u64(w))
	out, ok = alloc[float64](m, len(counts)), make([]bool, len(counts))
	for g, n := range counts {
		if n == 0 {
			continue
		}
		cells := sorted[end[g]-n : end[g]]
		slices.Sort(cells)
		at := q * float64(n-1)
		lo := int(at)
		v := wordFloat(cells[lo])
		if rest := at - float64(lo); rest > 0 {
			v += rest * (wordFloat(cells[lo+1]) - v)
		}
		out[g], ok[g] = v, true
	}
	return out, ok
}

// wordFloat is the number whose word is w.
func wordFloat(w uint64) float64 {
	if w == math.MaxUint64 {
		return math.NaN()
	}
	if w>>63 == 1 {
		return math.Float64frombits(w &^ (1 << 63))
	}
	return math.Float64frombits(^w)
}

func f64(s []float64) *C.double { return (*C.double)(unsafe.SliceData(s)) }

// overflow is the error of a sum that does not fit 64 bits.
func overflow(name string) error {
	return fmt.Errorf("the sum of column %s does not fit 64 bits; cast it to float64", quote(name))
}
