package model

/*
#cgo noescape k_concat
#cgo nocallback k_concat
#include "layout.h"
*/
import "C"

import "slices"

// Concat puts tensors behind each other along an axis; the others are equal.
func Concat(axis int, xs ...*Tensor) *Tensor {
	if len(xs) == 0 {
		badBuild("concat: no tensors")
	}
	wantF32("concat", xs...)
	axis = xs[0].axis(axis)
	shape := slices.Clone(xs[0].Shape)
	shape[axis] = 0
	for _, x := range xs {
		if len(x.Shape) != len(shape) || !slices.Equal(x.Shape[:axis], shape[:axis]) || !slices.Equal(x.Shape[axis+1:], shape[axis+1:]) {
			badBuild("concat: %v and %v differ in more than axis %d", xs[0].Shape, x.Shape, axis)
		}
		shape[axis] += x.Shape[axis]
	}
	return xs[0].g.add(concat{axis}, shape, xs...)
}

type concat struct{ axis int }

func (o concat) Grad(y, dy *Tensor) []*Tensor {
	out := make([]*Tensor, len(y.in))
	at := 0
	for i, x := range y.in {
		n := x.Shape[o.axis]
		out[i] = dy.Slice(o.axis, at, at+n)
		at += n
	}
	return out
}

func (o concat) CPU(p *Pool, y Array, in []Array) {
	outer, inner := length(y.Shape[:o.axis]), length(y.Shape[o.axis+1:])
	row, at := y.Shape[o.axis]*inner, 0
	for _, x := range in {
		n := x.Shape[o.axis] * inner
		C.k_concat(p.c, y.ptr(), x.ptr(), C.int64_t(outer), C.int64_t(row), C.int64_t(at), C.int64_t(n))
		at += n
	}
}
