package model

/*
#cgo noescape k_take
#cgo nocallback k_take
#cgo noescape k_take_grad
#cgo nocallback k_take_grad
#include "layout.h"
*/
import "C"

import (
	"fmt"
	"slices"
)

// Embedding is row i of x (rows, …) for each i in at, of shape (…at, …); at has
// no gradient. An index out of range is an error of the run.
func (x *Tensor) Embedding(at *Tensor) *Tensor {
	if at.Type != I64 || x.Type != F32 || len(x.Shape) < 2 {
		badBuild("embedding: table %v %s, indices %v %s: want f32 of two axes or more, and i64", x.Shape, x.Type, at.Shape, at.Type)
	}
	o := take{outer: 1, from: x.Shape[0], to: at.Len(), inner: length(x.Shape[1:])}
	return x.g.add(o, slices.Concat(at.Shape, x.Shape[1:]), x, at)
}

// TakeAlong takes single elements along an axis: y[o,j,i] = x[o,at[o,j,i],i]
// (NumPy's take_along_axis, PyTorch's gather). at has x's shape but for the axis.
func (x *Tensor) TakeAlong(axis int, at *Tensor) *Tensor {
	axis = x.axis(axis)
	if at.Type != I64 || x.Type != F32 || len(at.Shape) != len(x.Shape) ||
		!slices.Equal(at.Shape[:axis], x.Shape[:axis]) || !slices.Equal(at.Shape[axis+1:], x.Shape[axis+1:]) {
		badBuild("take along %d: %v %s, indices %v %s: want f32 and i64 that differ in that axis only", axis, x.Shape, x.Type, at.Shape, at.Type)
	}
	o := take{outer: length(x.Shape[:axis]), from: x.Shape[axis], to: at.Shape[axis], inner: length(x.Shape[axis+1:]), each: true}
	return x.g.add(o, at.Shape, x, at)
}

// ScatterAdd adds single elements up along an axis of n: y[o,at[o,j,i],i] += x[o,j,i], from zeros (PyTorch's scatter_add). at has x's shape.
func (x *Tensor) ScatterAdd(axis int, at *Tensor, n int) *Tensor {
	axis = x.axis(axis)
	if at.Type != I64 || x.Type != F32 || !slices.Equal(at.Shape, x.Shape) || n < 1 {
		badBuild("scatter along %d of %d: %v %s, indices %v %s: want f32 and i64 of one shape", axis, n, x.Shape, x.Type, at.Shape, at.Type)
	}
	shape := slices.Clone(x.Shape)
	shape[axis] = n
	o := take{outer: length(shape[:axis]), from: n, to: x.Shape[axis], inner: length(shape[axis+1:]), each: true}
	return x.g.add(scatterAdd{o}, shape, x, at)
}

// TakeRows takes rows along the axis before the last, others for each of the axes before: y[o,j,:] = x[o,at[o,j],:], x (…, n, d), at (…, m) → (…, m, d).
func (x *Tensor) TakeRows(at *Tensor) *Tensor {
	n := len(x.Shape) - 2
	if at.Type != I64 || x.Type != F32 || n < 0 || len(at.Shape) != n+1 || !slices.Equal(at.Shape[:n], x.Shape[:n]) {
		badBuild("take rows: %v %s, indices %v %s: want f32 (…, n, d) and i64 (…, m)", x.Shape, x.Type, at.Shape, at.Type)
	}
	o := take{outer: length(x.Shape[:n]), from: x.Shape[n], to: at.Last(), inner: x.Last(), rows: true}
	return x.g.add(o, append(slices.Clone(at.Shape), x.Last()), x, at)
}

// ScatterRows adds rows up at their places among n, from zeros: y[o,at[o,j],:] += x[o,j,:], x (…, m, d), at (…, m) → (…, n, d).
func (x *Tensor) ScatterRows(at *Tensor, n int) *Tensor {
	if at.Type != I64 || x.Type != F32 || len(x.Shape) < 2 || !slices.Equal(at.Shape, x.Shape[:len(x.Shape)-1]) || n < 1 {
		badBuild("scatter rows to %d: %v %s, indices %v %s: want f32 (…, m, d) and i64 (…, m)", n, x.Shape, x.Type, at.Shape, at.Type)
	}
	o := take{outer: at.rows(), from: n, to: at.Last(), inner: x.Last(), rows: true}
	return x.g.add(scatterAdd{o}, append(withLast(at.Shape, n), x.Last()), x, at)
}

// take is y (outer, to, inner) of x (outer, from, inner): one index a row of inner, the same for all of outer, one for each element, or one for each row.
type take struct {
	outer, from, to, inner int
	each, rows             bool
}

// of is how many elements of the result an index is of; see k_take.
func (o take) of() C.int {
	if o.rows {
		return 2
	}
	return flag(o.each)
}

func (o take) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(scatterAdd{o}, y.in[0].Shape, dy, y.in[1]), nil}
}

func (o take) CPU(p *Pool, y Array, in []Array) {
	o.check(in[1].I)
	C.k_take(p.c, y.ptr(), in[0].ptr(), (*C.int64_t)(&in[1].I[0]), C.int64_t(o.outer), C.int64_t(o.from), C.int64_t(o.to), C.int64_t(o.inner), o.of())
}

func (o take) check(at []int64) { wantIndices(at, o.from) }

// wantIndices panics, in a run, where an index is none of n.
func wantIndices(at []int64, n int) {
	for i, k := range at {
		if k < 0 || k >= int64(n) {
			panic(fmt.Sprintf("index %d is %d, want 0 to %d", i, k, n-1))
		}
	}
}

// scatterAdd adds each element of (outer, to, inner) to the place of (outer, from, inner) that take would take it from; it is take's gradient, and
// take is its.
type scatterAdd struct{ take take }

func (o scatterAdd) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(o.take, y.in[0].Shape, dy, y.in[1]), nil}
}

func (g scatterAdd) CPU(p *Pool, y Array, in []Array) {
	o := g.take
	o.check(in[1].I)
	C.k_take_grad(p.c, y.ptr(), in[0].ptr(), (*C.int64_t)(&in[1].I[0]), C.int64_t(o.outer), C.int64_t(o.from), C.int64_t(o.to), C.int64_t(o.inner), o.of())
}
