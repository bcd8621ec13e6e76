package model

/*
#cgo noescape k_adam
#cgo nocallback k_adam
#include "adam.h"
*/
import "C"

// adam updates its inputs in place: parameters p, gradients g (read), moments m
// and v, each one slab; count (1) divides the gradients; hyper (3) is the
// learning rate and both bias corrections. Its value is Σ (g/count)². Where clip
// is above 0, gradients whose norm is larger are scaled to it (Pascanu et al. 2013, Algorithm 1).
type adam struct {
	noGrad
	beta1, beta2, eps, decay float32
	decoupled                bool // AdamW
	clip                     float32
}

func (o adam) of(p, g, m, v, count, hyper *Tensor) *Tensor {
	return p.g.add(o, []int{1}, p, g, m, v, count, hyper)
}

func (o adam) CPU(p *Pool, y Array, in []Array) {
	C.k_adam(p.c, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[3].ptr(), in[4].ptr(), in[5].ptr(),
		C.int64_t(len(in[0].F)), C.float(o.beta1), C.float(o.beta2), C.float(o.eps), C.float(o.decay), flag(o.decoupled), C.float(o.clip))
}
