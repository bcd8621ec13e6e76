package model

/*
#cgo noescape k_softmax
#cgo nocallback k_softmax
#cgo noescape k_softmax_grad
#cgo nocallback k_softmax_grad
#cgo noescape k_log_softmax
#cgo nocallback k_log_softmax
#cgo noescape k_log_softmax_grad
#cgo nocallback k_log_softmax_grad
#include "norm.h"
*/
import "C"

// Softmax is e^x / Σ e^x along the last axis.
func (x *Tensor) Softmax() *Tensor { return softmax{}.of(x) }

// LogSoftmax is x − ln Σ e^x along the last axis.
func (x *Tensor) LogSoftmax() *Tensor { return softmax{log: true}.of(x) }

type softmax struct{ log bool }

func (o softmax) of(x *Tensor) *Tensor {
	wantF32("softmax", x)
	return x.g.add(o, x.Shape, x)
}

func (o softmax) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(softmaxGrad{log: o.log}, y.Shape, y, dy)}
}

func (o softmax) CPU(p *Pool, y Array, in []Array) {
	if o.log {
		C.k_log_softmax(p.c, y.ptr(), in[0].ptr(), y.rows(), y.cols())
	} else {
		C.k_softmax(p.c, y.ptr(), in[0].ptr(), y.rows(), y.cols())
	}
}

type softmaxGrad struct {
	noGrad
	log bool
}

func (o softmaxGrad) CPU(p *Pool, dx Array, in []Array) {
	if o.log {
		C.k_log_softmax_grad(p.c, dx.ptr(), in[0].ptr(), in[1].ptr(), dx.rows(), dx.cols())
	} else {
		C.k_softmax_grad(p.c, dx.ptr(), in[0].ptr(), in[1].ptr(), dx.rows(), dx.cols())
	}
}
