package model

/*
#cgo noescape k_kernel_mean
#cgo nocallback k_kernel_mean
#cgo noescape k_kernel_mean_grad
#cgo nocallback k_kernel_mean_grad
#include "kernelmean.h"
*/
import "C"

// kernelMean is the kernel (taps, taps, in, out) that does what the mean of convolutions by the square kernels ws does: (out, in, 1, 1), (out, in, 3, 3), …,
// (out, in, taps, taps), each by two wider than the one before.
func kernelMean(ws ...*Tensor) *Tensor {
	last := ws[len(ws)-1]
	if len(last.Shape) != 4 {
		badBuild("kernel mean: w %v: want (out, in, taps, taps)", last.Shape)
	}
	out, in := last.Shape[0], last.Shape[1]
	for i, w := range ws {
		if taps := 2*i + 1; len(w.Shape) != 4 || w.Shape[0] != out || w.Shape[1] != in || w.Shape[2] != taps || w.Shape[3] != taps {
			badBuild("kernel mean: w %v: want (%d, %d, %d, %d)", w.Shape, out, in, taps, taps)
		}
	}
	wantF32("kernel mean", ws...)
	taps := last.Last()
	return last.g.add(kernelMeans{}, []int{taps, taps, in, out}, ws...)
}

type kernelMeans struct{}

// of is the kernel of that shape, of n.
func (kernelMeans) of(n int, shape []int) C.kernel_mean {
	return C.kernel_mean{out: C.int64_t(shape[0]), in: C.int64_t(shape[1]), taps: C.int64_t(shape[2]), most: C.int64_t(2*n - 1), share: 1 / C.float(n)}
}

func (o kernelMeans) Grad(y, dy *Tensor) (d []*Tensor) {
	for _, w := range y.in {
		d = append(d, y.g.add(kernelMeansGrad{n: len(y.in)}, w.Shape, dy))
	}
	return d
}

func (o kernelMeans) CPU(p *Pool, y Array, in []Array) {
	for i := len(in) - 1; i >= 0; i-- {
		c := o.of(len(in), in[i].Shape)
		C.k_kernel_mean(p.c, &c, flag(i == len(in)-1), y.ptr(), in[i].ptr())
	}
}

// kernelMeansGrad is the gradient of one of n kernels.
type kernelMeansGrad struct {
	noGrad
	n int
}

func (o kernelMeansGrad) CPU(p *Pool, dw Array, in []Array) {
	c := kernelMeans{}.of(o.n, dw.Shape)
	C.k_kernel_mean_grad(p.c, &c, dw.ptr(), in[0].ptr())
}
