package model

/*
#cgo noescape k_reduce
#cgo nocallback k_reduce
#include "reduce.h"
*/
import "C"

import "slices"

// Sum is the sum of x over these axes, all if none is named; −1 is the last
// one. As with all reductions the axes stay, with size 1, so that the result
// broadcasts against x; [Tensor.Squeeze] drops them.
func (x *Tensor) Sum(axes ...int) *Tensor { return x.reduce(C.K_SUM, 1, axes) }

// Mean is the mean of x over these axes; see [Tensor.Sum].
func (x *Tensor) Mean(axes ...int) *Tensor {
	n := 1
	for _, a := range x.axes(axes) {
		n *= x.Shape[a]
	}
	return x.reduce(C.K_SUM, 1/float32(n), axes)
}

// Max is the largest element over these axes; equal ones share its gradient.
func (x *Tensor) Max(axes ...int) *Tensor { return x.reduce(C.K_LARGEST, 1, axes) }

// Min is the smallest element over these axes; equal ones share its gradient.
func (x *Tensor) Min(axes ...int) *Tensor { return x.reduce(C.K_SMALLEST, 1, axes) }

// Var is the variance of x over these axes: Σ(x − x̄)² / (n − correction), where
// 1 is for a sample, 0 for a population.
func (x *Tensor) Var(correction int, axes ...int) *Tensor {
	n := x.Len() / x.Sum(axes...).Len()
	if correction < 0 || n <= correction {
		badBuild("variance: %d elements less %d", n, correction)
	}
	return x.Sub(x.Mean(axes...)).Pow(2).Sum(axes...).Scale(1 / float32(n-correction))
}

// axes are sorted, from 0, each once; all of x's if none is named.
func (x *Tensor) axes(named []int) []int {
	if len(named) == 0 {
		for i := range x.Shape {
			named = append(named, i)
		}
	}
	out := make([]int, len(named))
	for i, a := range named {
		out[i] = x.axis(a)
	}
	slices.Sort(out)
	if len(slices.Compact(slices.Clone(out))) != len(out) {
		badBuild("axes %v of %v: one is named twice", named, x.Shape)
	}
	return out
}

// axis is a from 0, counted from the end where it is negative.
func (x *Tensor) axis(a int) int {
	if a < -len(x.Shape) || a >= len(x.Shape) {
		badBuild("axis %d of %v", a, x.Shape)
	}
	return (a + len(x.Shape)) % len(x.Shape)
}

// reduce is one step for each run of neighbouring axes, from the last run on.
func (x *Tensor) reduce(kind C.int, scale float32, named []int) *Tensor {
	wantF32("reduction", x)
	axes := x.axes(named)
	for len(axes) > 0 {
		i := len(axes) - 1
		for i > 0 && axes[i-1] == axes[i]-1 {
			i--
		}
		from, to := axes[i], axes[len(axes)-1]+1
		shape := slices.Clone(x.Shape)
		for a := from; a < to; a++ {
			shape[a] = 1
		}
		o := reduce{kind, 1, length(x.Shape[:from]), length(x.Shape[from:to]), length(x.Shape[to:])}
		if axes = axes[:i]; len(axes) == 0 {
			o.scale = scale
		}
		x = o.of(x, shape)
	}
	return x
}

// reduce is scale·Σ, or the largest or smallest, over the middle axis of (outer, n, inner).
type reduce struct {
	kind            C.int
	scale           float32
	outer, n, inner int
}

func (o reduce) Grad(y, dy *Tensor) []*Tensor {
	x := y.in[0]
	if o.kind == C.K_SUM {
		return []*Tensor{dy.Scale(o.scale).Expand(x.Shape...)}
	}
	at := x.Equal(y) // 1 where x is the extreme
	return []*Tensor{at.Mul(dy.Div(reduce{C.K_SUM, 1, o.outer, o.n, o.inner}.of(at, y.Shape)))}
}

func (o reduce) of(x *Tensor, shape []int) *Tensor { return x.g.add(o, shape, x) }

func (o reduce) CPU(p *Pool, y Array, in []Array) {
	C.k_reduce(p.c, o.kind, y.ptr(), in[0].ptr(), C.float(o.scale), C.int64_t(o.outer), C.int64_t(o.n), C.int64_t(o.inner))
}
