package frame

// #include "hash.h"
import "C"

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// wideCells are numbers in the widest type of their kind; one of i, u and f is set, all nil: there are none.
type wideCells struct {
	i    []int64
	u    []uint64
	f    []float64
	null *column // says which cells are missing; they fit any type
}

func (w *wideCells) free(m *Memory) {
	free(m, w.i)
	free(m, w.u)
	free(m, w.f)
}

// castNumbers casts cells of numbers or booleans; bad is the first that does not fit, or -1.
func castNumbers(m *Memory, c *column, to arrow.DataType) (data *memory.Buffer, bad int) {
	w := wideCells{null: c}
	defer func() { w.free(m) }()
	switch c.typ.ID() {
	case arrow.FLOAT32:
		w.f = convertTo(alloc[float64](m, c.n), values[float32](c))
	case arrow.FLOAT64:
		w.f = convertTo(alloc[float64](m, c.n), values[float64](c))
	case arrow.UINT64:
		w.u = convertTo(alloc[uint64](m, c.n), values[uint64](c))
	default:
		w.i = alloc[int64](m, c.n)
		wideInts(w.i, c)
	}
	return w.as(m, to)
}

// wideInts are the cells of a column of integers but uint64, booleans, dates or times.
func wideInts(to []int64, c *column) {
	switch wordKind(c.typ) {
	case C.W_BIT:
		for i := range to {
			if c.bit(i) {
				to[i] = 1
			}
		}
	case C.W_I8:
		convertTo(to, values[int8](c))
	case C.W_I16:
		convertTo(to, values[int16](c))
	case C.W_I32:
		convertTo(to, values[int32](c))
	case C.W_U8:
		convertTo(to, values[uint8](c))
	case C.W_U16:
		convertTo(to, values[uint16](c))
	case C.W_U32:
		convertTo(to, values[uint32](c))
	default:
		convertTo(to, values[int64](c))
	}
}

// as is the cells in a type of numbers, booleans or times.
func (w *wideCells) as(m *Memory, to arrow.DataType) (data *memory.Buffer, bad int) {
	n := w.null.n
	if to.ID() == arrow.BOOL {
		data = newBuffer(m, (n+7)/8)
		return data, w.fitBools(data.Bytes())
	}
	data = newBuffer(m, n*to.(arrow.FixedWidthDataType).Bytes())
	switch to.ID() {
	case arrow.INT8:
		return data, fitInts(w, view[int8](data))
	case arrow.INT16:
		return data, fitInts(w, view[int16](data))
	case arrow.INT32, arrow.DATE32:
		return data, fitInts(w, view[int32](data))
	case arrow.UINT8:
		return data, fitInts(w, view[uint8](data))
	case arrow.UINT16:
		return data, fitInts(w, view[uint16](data))
	case arrow.UINT32:
		return data, fitInts(w, view[uint32](data))
	case arrow.UINT64:
		return data, fitInts(w, view[uint64](data))
	case arrow.FLOAT32:
		return data, fitFloats(w, view[float32](data), 24)
	case arrow.FLOAT64:
		return data, fitFloats(w, view[float64](data), 53)
	}
	return data, fitInts(w, view[int64](data))
}

// fitBools takes 0 and 1.
func (w *wideCells) fitBools(to []byte) int {
	for i := range w.null.n {
		var zero, one bool
		switch {
		case w.null.isNull(i):
			continue
		case w.f != nil:
			zero, one = w.f[i] == 0, w.f[i] == 1
		case w.u != nil:
			zero, one = w.u[i] == 0, w.u[i] == 1
		default:
			zero, one = w.i[i] == 0, w.i[i] == 1
		}
		if one {
			bitutil.SetBit(to, i)
		} else if !zero {
			return i
		}
	}
	return -1
}

func fitInts[D int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](w *wideCells, to []D) int {
	var zero D
	size := 8 * int(unsafe.Sizeof(zero))
	lo, hi := 0.0, math.Ldexp(1, size) // lo ≤ cell < hi
	if zero-1 < 0 {
		lo, hi = -hi/2, hi/2
	}
	for i, x := range w.i {
		to[i] = D(x)
		if (int64(to[i]) != x || x < 0 && to[i] > 0) && !w.null.isNull(i) {
			return i
		}
	}
	for i, x := range w.u {
		to[i] = D(x)
		if (uint64(to[i]) != x || to[i] < 0) && !w.null.isNull(i) {
			return i
		}
	}
	for i, x := range w.f {
		if x >= lo && x < hi && x == math.Trunc(x) {
			to[i] = D(x)
		} else if !w.null.isNull(i) {
			return i
		}
	}
	return -1
}

// fitFloats rounds floats, but takes no integer of more than some binary digits.
func fitFloats[D float32 | float64](w *wideCells, to []D, digits int) int {
	for i, x := range w.i {
		to[i] = D(x)
		u := uint64(x)
		if x < 0 {
			u = -u
		}
		if bits.Len64(u)-bits.TrailingZeros64(u) > digits && !w.null.isNull(i) {
			return i
		}
	}
	for i, x := range w.u {
		to[i] = D(x)
		if bits.Len64(x)-bits.TrailingZeros64(x) > digits && !w.null.isNull(i) {
			return i
		}
	}
	for i, x := range w.f {
		to[i] = D(x)
		if math.IsInf(float64(to[i]), 0) && !math.IsInf(x, 0) && !w.null.isNull(i) {
			return i
		}
	}
	return -1
}

// castTimes casts dates and timestamps to each other.
func castTimes(m *Memory, c *column, to arrow.DataType) (data *memory.Buffer, bad int) {
	w := wideCells{null: c, i: alloc[int64](m, c.n)}
	defer func() { w.free(m) }()
	wideInts(w.i, c)
	per, _ := ticksPerDay(c.typ)
	perTo, _ := ticksPerDay(to)
	zone, err := zoneOf(c.typ)
	if err != nil {
		panic(err) // canCast has looked at it
	}
	whole := int64(1) // ticks of the new type that a cell must be a multiple of
	if _, stamp := to.(*arrow.TimestampType); stamp {
		zone = nil
	} else {
		whole = perTo
	}
	z := zoneClock{zone: zone, perDay: per}
	for i, x := range w.i {
		if zone != nil {
			x += z.offsetAt(floorDiv(x, per/86400)) * (per / 86400)
		}
		ok := true
		if perTo >= per {
			x, ok = mulInts(x, perTo/per)
		} else {
			ok = x%(per/perTo) == 0
			x /= per / perTo
		}
		if w.i[i] = x; (!ok || x%whole != 0) && !c.isNull(i) {
			return newBuffer(m, 0), i
		}
	}
	return w.as(m, to)
}
