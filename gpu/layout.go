package gpu

import "math"

// Permute copies x to y, dense over w, of which operand 0 moves through x; a move of 0 repeats. y must not overlap x.
func (s *Stream) Permute(y, x Ptr, w Walk) error {
	n, last := w.Len(), w.Axes-1
	for k := range last {
		if w.Move[0][k] == 1 && w.Dim[k] >= 8 && w.Dim[last] >= 8 && w.Move[0][last] > 1 {
			return s.transpose(y, x, w, int(k))
		}
	}
	return s.launch("permute", flat(n), y, x, w, int64(n), flag(w.narrow(n)))
}

// transpose is Permute where axis `axis` of y is contiguous in x, and the last one is not.
func (s *Stream) transpose(y, x Ptr, w Walk, axis int) error {
	last := int(w.Axes) - 1
	var rest Walk // the other axes: operand 0 in x, operand 1 in y
	stride, far := int64(1), int64(0)
	var strides [6]int64
	for k := last; k >= 0; k-- {
		strides[k] = stride
		stride *= w.Dim[k]
	}
	far = strides[axis]
	for k := range last {
		if k != axis {
			rest.Dim[rest.Axes], rest.Move[0][rest.Axes], rest.Move[1][rest.Axes] = w.Dim[k], w.Move[0][k], strides[k]
			rest.Axes++
		}
	}
	if rest.Axes == 0 {
		rest.Axes, rest.Dim[0] = 1, 1
	}
	const side = 32
	m, n := w.Dim[axis], w.Dim[last]
	tiles := rest.Len() * ceil(int(m), side) * ceil(int(n), side)
	return s.launch("transpose", Shape{Grid: [3]int{min(tiles, waves)}, Block: [3]int{side, threads / side}},
		y, x, m, n, w.Move[0][last], far, rest, int64(tiles))
}

// An Indexing makes an axis of To elements out of one of From, by up to three segments of N elements Off, Off + Step, …; zeros where Off is −1.
// Arrays are (Outer, axis, Inner). It is laid out as the indexing of model/layout_ops.h.
type Indexing struct {
	Outer, From, To, Inner, Segments int64
	Off, N, Step                     [3]int64
}

// narrow reports whether places in arrays of these sizes fit into 31 bits.
func narrow(n int) int32 { return flag(n <= math.MaxInt32) }

// Index is y (Outer, To, Inner) of x (Outer, From, Inner).
func (s *Stream) Index(y, x Ptr, w Indexing) error {
	n := int(w.Outer * w.To * w.Inner)
	return s.launch("index_axis", flat(n), y, x, w, int64(n), narrow(n))
}

// IndexGrad is dx (Outer, From, Inner): for each element the sum of those of dy (Outer, To, Inner) that Index took from it.
func (s *Stream) IndexGrad(dx, dy Ptr, w Indexing) error {
	n := int(w.Outer * w.From * w.Inner)
	return s.launch("index_axis_grad", flat(n), dx, dy, w, int64(n), narrow(n))
}

// Concat puts x (outer, n) into y (outer, row) from column at on.
func (s *Stream) Concat(y, x Ptr, outer, row, at, n int) error {
	return s.launch("concat", flat(outer*n), y, x, int64(row), int64(at), int64(n), int64(outer*n), narrow(outer*n))
}

// What an index of Take is of.
const (
	OfAxis     = iota // at (to): the same for all of outer and inner
	OfElements        // at (outer, to, inner)
	OfRows            // at (outer, to)
)

// Take is y (outer, to, inner) with y[o,j,c] = x[o,i,c] of x (outer, from, inner), where i, of int64, is at[j], at[o,j,c] or at[o,j], as of
// says. 0 ≤ i < from is not checked here: an index beyond is an access outside of x.
func (s *Stream) Take(y, x, at Ptr, outer, from, to, inner, of int) error {
	n := outer * to * inner
	return s.launch("take", flat(n), y, x, at, int64(from), int64(to), int64(inner), int32(of), int64(n), narrow(n))
}

// TakeGrad is dx (outer, from, inner): for each element the sum of those of dy (outer, to, inner) that Take took from it. Each looks through
// all `to` indices, so that the order of addition is fixed.
func (s *Stream) TakeGrad(dx, dy, at Ptr, outer, from, to, inner, of int) error {
	n := outer * from * inner
	return s.launch("take_grad", flat(n), dx, dy, at, int64(from), int64(to), int64(inner), int32(of), int64(n), narrow(n))
}

// Gather cuts windows of n elements out of a series: y (outer, to−from, n) with y[o,r] = series[a+shift : a+shift+n] for a = at[o,from+r], of
// at (outer, all), int64. Windows are not checked to lie in the series.
func (s *Stream) Gather(y, series, at Ptr, outer, all, from, to, shift, n int) error {
	total := outer * (to - from) * n
	return s.launch("gather", flat(total), y, series, at, int64(to-from), int64(all), int64(from), int64(shift), int64(n), int64(total), narrow(total))
}
