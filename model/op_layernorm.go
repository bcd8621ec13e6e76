package model

/*
#cgo noescape k_moments
#cgo nocallback k_moments
#cgo noescape k_layer_norm
#cgo nocallback k_layer_norm
#cgo noescape k_layer_norm_grad
#cgo nocallback k_layer_norm_grad
#include "norm.h"
*/
import "C"

// LayerNorm is x̂·w + b along the last axis, x̂ = (x − mean)/√(variance + eps), for
// w and b (n) (Ba, Kiros and Hinton 2016, eq. 4).
func (x *Tensor) LayerNorm(w, b *Tensor, eps float32) *Tensor {
	if len(w.Shape) != 1 || w.Len() != x.Last() || len(b.Shape) != 1 || b.Len() != x.Last() {
		badBuild("layer norm: x %v, w %v, b %v: want w and b (%d)", x.Shape, w.Shape, b.Shape, x.Last())
	}
	wantF32("layer norm", x, w, b)
	return x.g.add(layerNorm{}, x.Shape, x, x.moments(eps), w, b)
}

// Standardise is (x − mean)/√(variance + eps) along the last axis: instance
// norm where that axis is time (Ulyanov et al. 2016, eq. 4).
func (x *Tensor) Standardise(eps float32) *Tensor {
	y, _ := x.standardise(eps)
	return y
}

// standardise is Standardise and what it scaled by, mean and 1/√(variance + eps) of each row, (rows, 2). No gradient flows through these.
func (x *Tensor) standardise(eps float32) (y, stats *Tensor) {
	wantF32("standardise", x)
	stats = x.moments(eps)
	return x.g.add(layerNorm{}, x.Shape, x, stats), stats
}

// moments is mean and 1/√(variance + eps) of each row, of shape (rows, 2).
func (x *Tensor) moments(eps float32) *Tensor {
	return x.g.add(moments{eps: eps}, []int{x.rows(), 2}, x)
}

// moments needs no gradient of its own: that of layerNorm is the whole one.
type moments struct {
	noGrad
	eps float32
}

func (o moments) CPU(p *Pool, y Array, in []Array) {
	C.k_moments(p.c, y.ptr(), in[0].ptr(), C.float(o.eps), in[0].rows(), in[0].cols())
}

type layerNorm struct{}

func (layerNorm) Grad(y, dy *Tensor) []*Tensor {
	x, stats := y.in[0], y.in[1]
	in := []*Tensor{x, stats, dy}
	if len(y.in) == 2 {
		return []*Tensor{y.g.add(layerNormGrad{}, x.Shape, in...), nil}
	}
	w := y.in[2]
	standard := y.g.add(layerNorm{}, x.Shape, x, stats)
	return []*Tensor{y.g.add(layerNormGrad{}, x.Shape, append(in, w)...), nil, dy.Mul(standard).reduceTo(w.Shape), dy.reduceTo(w.Shape)}
}

func (layerNorm) CPU(p *Pool, y Array, in []Array) {
	var w, b *C.float
	if len(in) == 4 {
		w, b = in[2].ptr(), in[3].ptr()
	}
	C.k_layer_norm(p.c, y.ptr(), in[0].ptr(), in[1].ptr(), w, b, y.rows(), y.cols())
}

type layerNormGrad struct{ noGrad }

func (layerNormGrad) CPU(p *Pool, dx Array, in []Array) {
	var w *C.float
	if len(in) == 4 {
		w = in[3].ptr()
	}
	C.k_layer_norm_grad(p.c, dx.ptr(), in[0].ptr(), in[1].ptr(), w, in[2].ptr(), dx.rows(), dx.cols())
}
