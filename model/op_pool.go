package model

/*
#cgo noescape k_max_pool
#cgo nocallback k_max_pool
#cgo noescape k_avg_pool
#cgo nocallback k_avg_pool
#cgo noescape k_max_pool_grad
#cgo nocallback k_max_pool_grad
#cgo noescape k_avg_pool_grad
#cgo nocallback k_avg_pool_grad
#include "pool.h"
*/
import "C"

// MaxPool is the largest element of each window of kernel elements of the last
// axis, the windows stride apart, from pad elements before its start to pad
// behind its end. ceil also takes a last window that is cut off. (…, n) → (…, ⌊(n + 2·pad − kernel)/stride⌋ + 1).
func (x *Tensor) MaxPool(kernel, stride, pad int, ceil bool) *Tensor {
	if kernel == 1 && stride == 1 {
		return x
	}
	o := &maxPool{x.pooling(kernel, stride, pad, ceil)}
	return x.g.add(o, withLast(x.Shape, int(o.p.out)), x)
}

// AvgPool is the mean of each window; of a window that is cut off, of what there is. See [Tensor.MaxPool].
func (x *Tensor) AvgPool(kernel, stride int, ceil bool) *Tensor {
	if kernel == 1 && stride == 1 {
		return x
	}
	o := &avgPool{x.pooling(kernel, stride, 0, ceil)}
	return x.g.add(o, withLast(x.Shape, int(o.p.out)), x)
}

// pooling is checked and has the length of the result (PyTorch, torch.nn.MaxPool1d, "Shape").
func (x *Tensor) pooling(kernel, stride, pad int, ceil bool) C.pooling {
	wantF32("pool", x)
	n := x.Last()
	room := n + 2*pad - kernel
	if ceil {
		room += stride - 1
	}
	if kernel < 1 || stride < 1 || pad < 0 || pad > kernel/2 || room < 0 {
		badBuild("pool: kernel %d, stride %d, padding %d of rows of %d: want kernel and stride from 1, padding up to half the kernel, and room for a window",
			kernel, stride, pad, n)
	}
	out := room/stride + 1
	if ceil && (out-1)*stride >= n+pad { // it would start behind the end
		out--
	}
	return C.pooling{C.int64_t(n), C.int64_t(out), C.int64_t(kernel), C.int64_t(stride), C.int64_t(pad)}
}

type maxPool struct{ p C.pooling }

func (o *maxPool) Grad(y, dy *Tensor) []*Tensor {
	x := y.in[0]
	return []*Tensor{y.g.add(&maxPoolGrad{p: o.p}, x.Shape, x, dy)}
}

func (o *maxPool) CPU(p *Pool, y Array, in []Array) {
	C.k_max_pool(p.c, y.ptr(), in[0].ptr(), &o.p, y.rows())
}

type maxPoolGrad struct {
	noGrad
	p C.pooling
}

func (o *maxPoolGrad) CPU(p *Pool, dx Array, in []Array) {
	C.k_max_pool_grad(p.c, dx.ptr(), in[0].ptr(), in[1].ptr(), &o.p, dx.rows())
}

type avgPool struct{ p C.pooling }

func (o *avgPool) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(&avgPoolGrad{p: o.p}, y.in[0].Shape, dy)}
}

func (o *avgPool) CPU(p *Pool, y Array, in []Array) {
	C.k_avg_pool(p.c, y.ptr(), in[0].ptr(), &o.p, y.rows())
}

type avgPoolGrad struct {
	noGrad
	p C.pooling
}

func (o *avgPoolGrad) CPU(p *Pool, dx Array, in []Array) {
	C.k_avg_pool_grad(p.c, dx.ptr(), in[0].ptr(), &o.p, dx.rows())
}
