package model

/*
#cgo noescape k_index
#cgo nocallback k_index
#cgo noescape k_index_grad
#cgo nocallback k_index_grad
#include "layout.h"
*/
import "C"

import "slices"

// Slice is elements from ≤ j < to of an axis. Where that is one piece of memory nothing moves.
func (x *Tensor) Slice(axis, from, to int) *Tensor { return x.SliceStep(axis, from, to, 1) }

// SliceStep is every step-th element from ≤ j < to of an axis; step ≥ 1.
func (x *Tensor) SliceStep(axis, from, to, step int) *Tensor {
	axis = x.axis(axis)
	d := x.Shape[axis]
	if from < 0 || to > d || from >= to || step < 1 {
		badBuild("slice: %d to %d by %d of an axis of %d", from, to, step, d)
	}
	n := (to - from + step - 1) / step
	if n == d {
		return x
	}
	if length(x.Shape[:axis]) == 1 && step == 1 && x.Type == F32 {
		shape := slices.Clone(x.Shape)
		shape[axis] = n
		return x.g.add(view{off: from * length(x.Shape[axis+1:])}, shape, x)
	}
	return x.index(axis, segment{from, n, step})
}

// Flip reverses an axis.
func (x *Tensor) Flip(axis int) *Tensor {
	d := x.Shape[x.axis(axis)]
	return x.index(axis, segment{d - 1, d, -1})
}

// Roll moves all elements of an axis n places on; those that leave at its end come in at its start.
func (x *Tensor) Roll(axis, n int) *Tensor {
	d := x.Shape[x.axis(axis)]
	if n = ((n % d) + d) % d; n == 0 {
		return x
	}
	return x.index(axis, segment{d - n, n, 1}, segment{0, d - n, 1})
}

// Pad adds before and after elements of 0 to an axis.
func (x *Tensor) Pad(axis, before, after int) *Tensor {
	x.wantPad(before, after)
	return x.index(axis, segment{-1, before, 0}, segment{0, x.Shape[x.axis(axis)], 1}, segment{-1, after, 0})
}

// PadReplicate repeats the first and the last element of an axis.
func (x *Tensor) PadReplicate(axis, before, after int) *Tensor {
	x.wantPad(before, after)
	d := x.Shape[x.axis(axis)]
	return x.index(axis, segment{0, before, 0}, segment{0, d, 1}, segment{d - 1, after, 0})
}

// PadReflect mirrors an axis at its first and last element, which are not repeated.
func (x *Tensor) PadReflect(axis, before, after int) *Tensor {
	x.wantPad(before, after)
	d := x.Shape[x.axis(axis)]
	if max(before, after) >= d {
		badBuild("pad: %d and %d elements mirrored of an axis of %d", before, after, d)
	}
	return x.index(axis, segment{before, before, -1}, segment{0, d, 1}, segment{d - 2, after, -1})
}

func (x *Tensor) wantPad(before, after int) {
	if before < 0 || after < 0 {
		badBuild("pad: %d before and %d after", before, after)
	}
}

// A segment is n elements of an axis: off, off + step, off + 2·step …; zeros where off is −1.
type segment struct{ off, n, step int }

// index puts segments of an axis of x behind each other.
func (x *Tensor) index(axis int, segs ...segment) *Tensor {
	wantF32("index", x)
	axis = x.axis(axis)
	o := &index{}
	o.w.outer, o.w.inner = C.int64_t(length(x.Shape[:axis])), C.int64_t(length(x.Shape[axis+1:]))
	o.w.from = C.int64_t(x.Shape[axis])
	for _, s := range segs {
		if s.n > 0 {
			o.w.off[o.w.segments], o.w.n[o.w.segments], o.w.step[o.w.segments] = C.int64_t(s.off), C.int64_t(s.n), C.int64_t(s.step)
			o.w.segments++
			o.w.to += C.int64_t(s.n)
		}
	}
	shape := slices.Clone(x.Shape)
	shape[axis] = int(o.w.to)
	return x.g.add(o, shape, x)
}

type index struct{ w C.indexing }

func (o *index) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(&indexGrad{w: o.w}, y.in[0].Shape, dy)}
}

func (o *index) CPU(p *Pool, y Array, in []Array) { C.k_index(p.c, y.ptr(), in[0].ptr(), &o.w) }

// indexGrad adds up, for each element of x, those of dy that were taken from it.
type indexGrad struct {
	noGrad
	w C.indexing
}

func (o *indexGrad) CPU(p *Pool, dx Array, in []Array) {
	C.k_index_grad(p.c, dx.ptr(), in[0].ptr(), &o.w)
}
