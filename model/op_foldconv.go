package model

/*
#cgo noescape k_folded_conv
#cgo nocallback k_folded_conv
#cgo noescape k_folded_conv_weight_grad
#cgo nocallback k_folded_conv_weight_grad
#include "foldconv.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Conv is the convolution of images x (N·k, places, in) by w (taps, taps, in, out), rows before columns, and b (out), nil for none: images
// of out channels. taps is odd.
func (f Folding) Conv(x, w, b *Tensor) *Tensor {
	f.wantImages("folded conv", x)
	if len(w.Shape) != 4 || w.Shape[0]%2 == 0 || w.Shape[0] > 2*C.FOLD_HALF+1 || w.Shape[1] != w.Shape[0] || w.Shape[2] != x.Last() ||
		b != nil && (len(b.Shape) != 1 || b.Len() != w.Shape[3]) {
		badBuild("folded conv: x %v, w %v: want w (taps, taps, %d, out), taps odd and %d or less, and b (out)", x.Shape, w.Shape, x.Last(), 2*C.FOLD_HALF+1)
	}
	wantF32("folded conv", w)
	y := f.conv(x, w, false)
	if b != nil {
		y = y.Add(b)
	}
	return y
}

func (f Folding) conv(x, w *Tensor, back bool) *Tensor {
	o := &foldedConv{f, C.folded_conv{f.c(), C.int64_t(w.Shape[0] / 2), C.int64_t(w.Shape[2]), C.int64_t(w.Shape[3]), C.int64_t(flag(back))}}
	return x.g.add(o, []int{f.Top.Len(), f.places(), w.Shape[3]}, x, w, f.Top, o.work(x.g))
}

type foldedConv struct {
	f Folding
	c C.folded_conv
}

// work is memory of the kernels, which hold on to nothing in it.
func (o *foldedConv) work(g *Graph) *Tensor {
	t := g.add(work{}, []int{(int(C.k_folded_conv_work(&o.c)) + align*4 - 1) / 8})
	t.Type = I64
	return t
}

func (o *foldedConv) Grad(y, dy *Tensor) []*Tensor {
	x, w, top := y.in[0], y.in[1], y.in[2]
	return []*Tensor{o.f.conv(dy, w.Permute(0, 1, 3, 2), true), y.g.add(&foldedConvWeightGrad{o: *o}, w.Shape, x, dy, top, o.work(y.g)), nil, nil}
}

func (o *foldedConv) CPU(p *Pool, y Array, in []Array) {
	C.k_folded_conv(p.c, &o.c, y.ptr(), in[0].ptr(), in[1].ptr(), o.f.at(in[2]), unsafe.Pointer(&in[3].I[0]))
}

type foldedConvWeightGrad struct {
	noGrad
	o foldedConv
}

func (g *foldedConvWeightGrad) CPU(p *Pool, dw Array, in []Array) {
	C.k_folded_conv_weight_grad(p.c, &g.o.c, dw.ptr(), in[0].ptr(), in[1].ptr(), g.o.f.at(in[2]), unsafe.Pointer(&in[3].I[0]))
}

// work is memory that the one op which has it as an input may write over: a value of no meaning.
type work struct{ noGrad }

func (work) CPU(*Pool, Array, []Array) {}

// at are the values of Top.
func (f Folding) at(top Array) *C.int64_t {
	for i, k := range top.I {
		if k < 0 || k >= int64(f.Steps/2) {
			panic(fmt.Sprintf("frequency %d is %d, want 0 to %d", i, k, f.Steps/2-1))
		}
	}
	return (*C.int64_t)(&top.I[0])
}
