package model

/*
#cgo noescape k_permute
#cgo nocallback k_permute
#include "layout.h"
*/
import "C"

import "slices"

// Permute reorders the axes: axis i of the result is axis order[i] of x.
func (x *Tensor) Permute(order ...int) *Tensor {
	wantF32("permute", x)
	if len(order) != len(x.Shape) || len(x.axes(order)) != len(order) {
		badBuild("permute: %v is no order of the axes of %v", order, x.Shape)
	}
	shape, move, full := make([]int, len(order)), make([]int, len(order)), strides(x.Shape, x.Shape)
	inverse := make([]int, len(order))
	for i, a := range order {
		a = x.axis(a)
		shape[i], move[i], inverse[a] = x.Shape[a], full[a], i
	}
	w := mergeAxes(shape, [][]int{move})
	if w.axes == 1 && (w.move[0][0] == 1 || x.Len() == 1) { // only axes of 1 changed place
		return x.Reshape(shape...)
	}
	return x.g.add(&permute{w, inverse}, shape, x)
}

// Transpose exchanges two axes.
func (x *Tensor) Transpose(a, b int) *Tensor {
	order := make([]int, len(x.Shape))
	for i := range order {
		order[i] = i
	}
	a, b = x.axis(a), x.axis(b)
	order[a], order[b] = b, a
	return x.Permute(order...)
}

// Expand repeats x's axes of size 1, and new ones before its first, up to shape.
func (x *Tensor) Expand(shape ...int) *Tensor {
	wantF32("expand", x)
	if len(shape) < len(x.Shape) || !slices.Equal(broadcast(x.Shape, shape), shape) {
		badBuild("expand: %v cannot be repeated to %v", x.Shape, shape)
	}
	if slices.Equal(shape, x.Shape) {
		return x
	}
	return x.g.add(&permute{walk: newWalk(shape, x.Shape)}, shape, x)
}

// permute copies x to a dense y whose axes move through x as walk says.
type permute struct {
	walk    C.walk
	inverse []int // order that undoes it; nil where axes were repeated
}

func (o *permute) Grad(y, dy *Tensor) []*Tensor {
	if o.inverse == nil {
		return []*Tensor{dy.reduceTo(y.in[0].Shape)}
	}
	return []*Tensor{dy.Permute(o.inverse...)}
}

func (o *permute) CPU(p *Pool, y Array, in []Array) { C.k_permute(p.c, y.ptr(), in[0].ptr(), &o.walk) }
