package model

// #include "kernels.h"
import "C"

import "slices"

// Add is x + y; y has x's shape, or is one row (n), or one column (…, 1).
func (x *Tensor) Add(y *Tensor) *Tensor { return axpy{1}.of(x, y) }

// Sub is x − y, with y's shape as in [Tensor.Add].
func (x *Tensor) Sub(y *Tensor) *Tensor { return axpy{-1}.of(x, y) }

// axpy is x + s·y, y spread over x's rows or columns where it is smaller.
type axpy struct{ s float32 }

func (o axpy) of(x, y *Tensor) *Tensor {
	if spread(x.Shape, y.Shape) < 0 {
		badBuild("add: %v and %v: the second must have the first's shape, or be a row (%d) or a column %v",
			x.Shape, y.Shape, x.Last(), columnOf(x.Shape))
	}
	return x.g.add(o, x.Shape, x, y)
}

// spread says how an operand of shape b covers shape a: as K_SAME, K_ROW, K_COL, or not at all (−1).
func spread(a, b []int) C.int {
	switch {
	case slices.Equal(a, b):
		return C.K_SAME
	case len(b) == 1 && b[0] == a[len(a)-1]:
		return C.K_ROW
	case len(b) == len(a) && b[len(b)-1] == 1 && slices.Equal(a[:len(a)-1], b[:len(b)-1]):
		return C.K_COL
	}
	return -1
}

// columnOf is a shape with its last axis reduced to 1.
func columnOf(shape []int) []int {
	c := slices.Clone(shape)
	c[len(c)-1] = 1
	return c
}

func (o axpy) Grad(y, dy *Tensor) []*Tensor {
	d := dy
	switch spread(y.Shape, y.in[1].Shape) {
	case C.K_ROW:
		d = dy.SumRows()
	case C.K_COL:
		d = dy.SumCols()
	}
	return []*Tensor{dy, d.Scale(o.s)}
}

func (o axpy) CPU(y Array, in []Array) {
	C.k_axpy(y.ptr(), in[0].ptr(), in[1].ptr(), C.float(o.s), y.rows(), y.cols(), spread(y.Shape, in[1].Shape))
}

// Scale is s·x.
func (x *Tensor) Scale(s float32) *Tensor {
	if s == 1 {
		return x
	}
	return x.g.add(scale{s}, x.Shape, x)
}

type scale struct{ s float32 }

func (o scale) Grad(_, dy *Tensor) []*Tensor { return []*Tensor{dy.Scale(o.s)} }

func (o scale) CPU(y Array, in []Array) {
	C.k_scale(y.ptr(), in[0].ptr(), C.float(o.s), C.int64_t(len(y.F)))
}
