package model

/*
#cgo noescape k_delay
#cgo nocallback k_delay
#cgo noescape k_lag
#cgo nocallback k_lag
#cgo noescape k_correlate
#cgo nocallback k_correlate
#include "delay.h"
*/
import "C"

import "slices"

// Delays adds up x as it is some steps later, round the end of the axis: y[n,t,:] = Σ_i w[n,i]·x[n,(t+at[n,i]) mod L,:], x (N, L, d),
// w (N, k), at i64 (N, k), or (k) where all have the same delays of 0 to L−1 → (N, L, d) (Wu et al., Autoformer, 2021, eq. 6).
func (x *Tensor) Delays(w, at *Tensor) *Tensor { return x.delay(w, at, 1) }

func (x *Tensor) delay(w, at *Tensor, sign int) *Tensor {
	wantF32("delays", x, w)
	if len(w.Shape) != 2 || len(x.Shape) != 3 || w.Shape[0] != x.Shape[0] {
		badBuild("delays: x %v, w %v: want x (N, L, d), w (N, k)", x.Shape, w.Shape)
	}
	wantDelays(x, at, w.Last())
	return x.g.add(delay{sign: sign}, x.Shape, x, w, at)
}

// wantDelays checks k delays of each of x (N, L, d).
func wantDelays(x, at *Tensor, k int) {
	if at.Type != I64 || !slices.Equal(at.Shape, []int{k}) && !slices.Equal(at.Shape, []int{x.Shape[0], k}) {
		badBuild("delays of %v: at %v %s: want i64 (%d) or (%d, %d)", x.Shape, at.Shape, at.Type, k, x.Shape[0], k)
	}
}

// delay is Delays, or, if sign is −1, the same with all delays turned round.
type delay struct{ sign int }

func (o delay) Grad(y, dy *Tensor) []*Tensor {
	x, w, at := y.in[0], y.in[1], y.in[2]
	dw := dy.Lags(x, at)
	if o.sign < 0 {
		dw = x.Lags(dy, at)
	}
	return []*Tensor{dy.delay(w, at, -o.sign), dw, nil}
}

func (o delay) CPU(p *Pool, y Array, in []Array) {
	wantIndices(in[2].I, y.Shape[1])
	C.k_delay(p.c, y.ptr(), in[0].ptr(), in[1].ptr(), (*C.int64_t)(&in[2].I[0]), C.int64_t(y.Shape[0]), C.int64_t(y.Shape[1]), y.cols(), in[1].cols(), flag(len(in[2].Shape) == 2), C.int(o.sign))
}

// Lags is the product of x and of y some steps later, round the end of the axis: w[n,i] = Σ_t x[n,t,:]·y[n,(t+at[n,i]) mod L,:], for x and y (N, L, d)
// and at as in [Tensor.Delays] → (N, k).
func (x *Tensor) Lags(y, at *Tensor) *Tensor {
	wantF32("lags", x, y)
	if len(x.Shape) != 3 || !slices.Equal(x.Shape, y.Shape) {
		badBuild("lags: %v and %v: want two of (N, L, d)", x.Shape, y.Shape)
	}
	wantDelays(x, at, at.Last())
	return x.g.add(lag{}, []int{x.Shape[0], at.Last()}, x, y, at)
}

type lag struct{}

func (lag) Grad(w, dw *Tensor) []*Tensor {
	x, y, at := w.in[0], w.in[1], w.in[2]
	return []*Tensor{y.delay(dw, at, 1), x.delay(dw, at, -1), nil}
}

func (lag) CPU(p *Pool, w Array, in []Array) {
	x := in[0]
	wantIndices(in[2].I, x.Shape[1])
	C.k_lag(p.c, w.ptr(), x.ptr(), in[1].ptr(), (*C.int64_t)(&in[2].I[0]), C.int64_t(x.Shape[0]), C.int64_t(x.Shape[1]), x.cols(), w.cols(), flag(len(in[2].Shape) == 2))
}

// Correlation is [Tensor.Lags] for all delays (N, L), without a gradient: it is there for [Tensor.TopK]. As a product of matrices, of which the
// diagonals are added up, it costs half of what Fourier transforms by matrices do.
func (x *Tensor) Correlation(y *Tensor) *Tensor {
	if len(x.Shape) != 3 || !slices.Equal(x.Shape, y.Shape) {
		badBuild("correlation: %v and %v: want two of (N, L, d)", x.Shape, y.Shape)
	}
	return x.g.add(diagonals{}, x.Shape[:2], x.MatMulT(y))
}

// diagonals is R[n,i] = Σ_t x[n,t,(t+i) mod L] of x (N, L, L).
type diagonals struct{ noGrad }

func (diagonals) CPU(p *Pool, r Array, in []Array) {
	C.k_correlate(p.c, r.ptr(), in[0].ptr(), r.rows(), r.cols())
}
