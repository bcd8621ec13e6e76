package model

/*
#cgo noescape k_bias_unary
#cgo nocallback k_bias_unary
#include "gemm.h"
*/
import "C"

import (
	"maps"
	"slices"
)

// An Activation is a function that a linear layer ends in.
type Activation uint8

const (
	Identity Activation = iota
	ReLU
	Tanh
	Sigmoid
	GELU
	SELU
	Softplus
	LeakyReLU // of slope 0.01
	ELU       // of alpha 1
)

// activations are those that a net's option activation names.
var activations = map[string]Activation{"relu": ReLU, "softplus": Softplus, "tanh": Tanh, "selu": SELU, "leaky_relu": LeakyReLU, "sigmoid": Sigmoid}

func checkActivation(name string) error {
	return oneOf("activation", name, slices.Sorted(maps.Keys(activations))...)
}

// fused are the activations that run in the linear layer's own step: those whose
// derivative is computed from their value, so that nothing else is kept.
var fused = map[Activation]unary{Identity: {kind: C.K_IDENTITY}, ReLU: {kind: C.K_RELU}, Tanh: {kind: C.K_TANH}, Sigmoid: {kind: C.K_SIGMOID}}

// Linear is act(x·wᵀ + b) along the last axis: x (…, n), w (m, n), b (m) or nil
// for none → (…, m), with w as PyTorch's nn.Linear keeps it.
func (x *Tensor) Linear(w, b *Tensor, act Activation) *Tensor {
	if len(w.Shape) != 2 || w.Shape[1] != x.Last() {
		badBuild("linear: x %v, w %v: want w (m, %d)", x.Shape, w.Shape, x.Last())
	}
	m, n := w.Shape[0], w.Shape[1]
	in := []*Tensor{x.Reshape(x.rows(), n), w}
	if b != nil {
		if len(b.Shape) != 1 || b.Shape[0] != m {
			badBuild("linear: w %v, b %v: want b (%d)", w.Shape, b.Shape, m)
		}
		in = append(in, b)
	}
	wantF32("linear", in...)
	f, ok := fused[act]
	if !ok {
		f = fused[Identity]
	}
	o := &linear{act: f}
	o.product = C.product{0, 1, C.int64_t(x.rows()), C.int64_t(m), C.int64_t(n), newWalk([]int{1})}
	y := x.g.add(o, []int{x.rows(), m}, in...).Reshape(withLast(x.Shape, m)...)
	if ok {
		return y
	}
	return act.of(y)
}

// of is the activation of x, in a step of its own.
func (a Activation) of(x *Tensor) *Tensor {
	if f, ok := fused[a]; ok {
		return f.of(x)
	}
	switch a {
	case GELU:
		return x.GELU()
	case SELU:
		return x.SELU()
	case Softplus:
		return x.Softplus()
	case LeakyReLU:
		return x.LeakyReLU(.01)
	case ELU:
		return x.ELU(1)
	}
	badBuild("no activation %d", a)
	return nil
}

func withLast(shape []int, n int) []int {
	return append(append([]int{}, shape[:len(shape)-1]...), n)
}

type linear struct {
	act     unary
	product C.product
}

func (o *linear) Grad(y, dy *Tensor) []*Tensor {
	if o.act.kind != C.K_IDENTITY {
		dy = o.act.back(y, dy) // before the activation
	}
	x, w := y.in[0], y.in[1]
	d := []*Tensor{dy.MatMul(w), dy.TMatMul(x)}
	if len(y.in) == 3 {
		d = append(d, dy.Sum(0).Squeeze(0))
	}
	return d
}

func (o *linear) CPU(p *Pool, y Array, in []Array) {
	gemm(p, &o.product, in[0].F, in[1].F, y.F)
	var b *C.float
	if len(in) == 3 {
		b = in[2].ptr()
	} else if o.act.kind == C.K_IDENTITY {
		return
	}
	C.k_bias_unary(p.c, o.act.kind, y.ptr(), b, y.rows(), y.cols())
}
