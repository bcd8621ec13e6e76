package model

/*
#cgo noescape k_conv
#cgo nocallback k_conv
#cgo noescape k_conv_weight_grad
#cgo nocallback k_conv_weight_grad
#include "conv.h"
*/
import "C"

// Conv1d is y[b,o,t] = b[o] + Σ_i Σ_k w[o,i,k]·x[b,i,t+k·dilation], the cross-correlation that nets call convolution:
// x (B, C, L), w (O, C/groups, K), b (O) or nil for none → (B, O, L − (K−1)·dilation), with w as PyTorch's
// nn.Conv1d keeps it. Output channels of a group see the inputs of that group only.
// Pad x first for another length: by (K−1)·dilation in front for a causal one (van den Oord et al. 2016, §2.1), by
// [Tensor.Pad], [Tensor.PadCircular] or [Tensor.PadReplicate]. A stride is [Tensor.SliceStep] of the result.
func (x *Tensor) Conv1d(w, b *Tensor, dilation, groups int) *Tensor {
	if len(x.Shape) != 3 || len(w.Shape) != 3 || dilation < 1 || groups < 1 || w.Shape[1]*groups != x.Shape[1] || w.Shape[0]%groups != 0 {
		badBuild("conv1d: x %v, w %v, dilation %d, %d groups: want x (B, C, L), w (O, C/groups, K), dilation and groups from 1", x.Shape, w.Shape, dilation, groups)
	}
	O, K := w.Shape[0], w.Shape[2]
	n := x.Shape[2] - (K-1)*dilation
	if n < 1 {
		badBuild("conv1d: x %v is shorter than %d taps %d apart: pad it", x.Shape, K, dilation)
	}
	in := []*Tensor{x, w}
	if b != nil {
		if len(b.Shape) != 1 || b.Len() != O {
			badBuild("conv1d: w %v, b %v: want b (%d)", w.Shape, b.Shape, O)
		}
		in = append(in, b)
	}
	wantF32("conv1d", in...)
	o := &conv{c: C.convolution{C.int64_t(x.Shape[0]), C.int64_t(groups), C.int64_t(O / groups), C.int64_t(w.Shape[1]), C.int64_t(K), C.int64_t(dilation), C.int64_t(n)}}
	return x.g.add(o, []int{x.Shape[0], O, n}, in...)
}

type conv struct {
	c          C.convolution
	transposed bool
}

func (o *conv) Grad(y, dy *Tensor) []*Tensor {
	if o.transposed {
		panic("model: conv: no gradient of a gradient")
	}
	x, w := y.in[0], y.in[1]
	// dx[i,t] = Σ_o Σ_k w[o,i,k]·dy[o,t−k·dilation]: the same, from dy between zeros, with channels and taps exchanged
	around := int((o.c.taps - 1) * o.c.dilation)
	back := &conv{o.c, true}
	back.c.in, back.c.out, back.c.n = o.c.out, o.c.in, C.int64_t(x.Shape[2])
	d := []*Tensor{y.g.add(back, x.Shape, dy.Pad(2, around, around), w), y.g.add(&convWeightGrad{c: o.c}, w.Shape, x, dy)}
	if len(y.in) == 3 {
		d = append(d, dy.Sum(0, 2).Reshape(y.Shape[1]))
	}
	return d
}

func (o *conv) CPU(p *Pool, y Array, in []Array) {
	var b *C.float
	if len(in) == 3 {
		b = in[2].ptr()
	}
	t := flag(o.transposed)
	C.k_conv(p.c, y.ptr(), in[0].ptr(), in[1].ptr(), b, &o.c, t)
}

type convWeightGrad struct {
	noGrad
	c C.convolution
}

func (o *convWeightGrad) CPU(p *Pool, dw Array, in []Array) {
	C.k_conv_weight_grad(p.c, dw.ptr(), in[0].ptr(), in[1].ptr(), &o.c)
}
