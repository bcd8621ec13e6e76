package model

import "slices"

// Slice is elements from ≤ j < to of the last axis.
func (x *Tensor) Slice(from, to int) *Tensor {
	if from < 0 || to > x.Last() || from >= to {
		badBuild("slice: %d to %d of an axis of %d", from, to, x.Last())
	}
	return x.g.add(sliceOp{from}, withLast(x.Shape, to-from), x)
}

func withLast(shape []int, n int) []int {
	s := slices.Clone(shape)
	s[len(s)-1] = n
	return s
}

type sliceOp struct{ from int }

func (o sliceOp) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(padOp(o), y.in[0].Shape, dy)}
}

func (o sliceOp) CPU(y Array, in []Array) {
	n, m := int(y.cols()), int(in[0].cols())
	for i := range int(y.rows()) {
		copy(y.F[i*n:][:n], in[0].F[i*m+o.from:])
	}
}

// padOp puts x at from of a longer last axis, zero elsewhere.
type padOp struct{ from int }

func (o padOp) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{dy.Slice(o.from, o.from+y.in[0].Last())}
}

func (o padOp) CPU(y Array, in []Array) {
	clear(y.F)
	n, m := int(in[0].cols()), int(y.cols())
	for i := range int(y.rows()) {
		copy(y.F[i*m+o.from:][:n], in[0].F[i*n:])
	}
}
