package model

/*
#cgo noescape k_fold
#cgo nocallback k_fold
#cgo noescape k_unfold
#cgo nocallback k_unfold
#cgo noescape k_folded_conv
#cgo nocallback k_folded_conv
#cgo noescape k_folded_conv_weight_grad
#cgo nocallback k_folded_conv_weight_grad
#cgo noescape k_folded_conv_bias_grad
#cgo nocallback k_folded_conv_bias_grad
#include "fold.h"
*/
import "C"

import "fmt"

// A Folding makes k images of each series of T steps: that of frequency f = Top + 1 has lines of T/f steps below each other, and is filled up by
// zeros (Wu et al. 2023, eq. 4). Periods are not known before the run: images (N·k, size) have the size of the largest, and
// Half columns of zeros behind each line, so that a convolution of 2·Half + 1 taps sees them beyond the edge.
type Folding struct {
	Top         *Tensor // (N, k), i64: 0 ≤ Top < T/2
	Steps, Half int     // T, and taps on each side
}

// Fold is the images of x (N, channels, T).
func (f Folding) Fold(x *Tensor) *Tensor {
	if f.checked(); len(x.Shape) != 3 || x.Shape[0] != f.Top.Shape[0] || x.Last() != f.Steps {
		badBuild("fold: x %v, top %v, %d steps: want x (N, channels, steps)", x.Shape, f.Top.Shape, f.Steps)
	}
	wantF32("fold", x)
	return x.g.add(&fold{f, x.Shape[1], true}, []int{f.Top.Len(), f.size(x.Shape[1])}, x, f.Top)
}

// Unfold is the series (N, k, channels, T) of images x.
func (f Folding) Unfold(x *Tensor, channels int) *Tensor {
	f.wantImages("unfold", x, channels)
	return x.g.add(&unfold{f, channels, false}, []int{f.Top.Shape[0], f.Top.Last(), channels, f.Steps}, x, f.Top)
}

// Conv is the convolution of images x by w (out, taps, in, taps), taps = 2·Half + 1, rows before columns, and b (out), nil for none: images.
func (f Folding) Conv(x, w, b *Tensor) *Tensor {
	taps := 2*f.Half + 1
	if len(w.Shape) != 4 || w.Shape[1] != taps || w.Shape[3] != taps || b != nil && (len(b.Shape) != 1 || b.Len() != w.Shape[0]) {
		badBuild("folded conv: w %v: want (out, %d, in, %d), and b (out)", w.Shape, taps, taps)
	}
	f.wantImages("folded conv", x, w.Shape[2])
	in := []*Tensor{x, w, f.Top}
	if b != nil {
		in = append(in, b)
		wantF32("folded conv", b)
	}
	wantF32("folded conv", w)
	return x.g.add(&foldedConv{f, w.Shape[2], w.Shape[0]}, []int{f.Top.Len(), f.size(w.Shape[0])}, in...)
}

func (f Folding) checked() {
	if f.Top.Type != I64 || len(f.Top.Shape) != 2 || f.Steps < 2 || f.Half < 0 {
		badBuild("fold: top %v %s, %d steps, %d taps on each side: want (N, k) i64 and 2 steps or more", f.Top.Shape, f.Top.Type, f.Steps, f.Half)
	}
}

func (f Folding) wantImages(op string, x *Tensor, channels int) {
	if f.checked(); len(x.Shape) != 2 || x.Shape[0] != f.Top.Len() || x.Last() != f.size(channels) {
		badBuild("%s: x %v, top %v: want images (%d, %d)", op, x.Shape, f.Top.Shape, f.Top.Len(), f.size(channels))
	}
	wantF32(op, x)
}

// size of an image: of the largest, and of the vector behind it that a kernel may read.
func (f Folding) size(channels int) int {
	most := 0
	for n := 1; n <= f.Steps/2; n++ {
		p := f.Steps / n
		most = max(most, (f.Steps+p-1)/p*(p+f.Half))
	}
	return (f.Half+most*channels+f.Half+align-1)/align*align + align
}

func (f Folding) c() C.folding {
	return C.folding{C.int64_t(f.Top.Len()), C.int64_t(f.Top.Last()), C.int64_t(f.Steps), C.int64_t(f.Half)}
}

// at are the values of Top.
func (f Folding) at(top Array) *C.int64_t {
	for i, k := range top.I {
		if k < 0 || k >= int64(f.Steps/2) {
			panic(fmt.Sprintf("frequency %d is %d, want 0 to %d", i, k, f.Steps/2-1))
		}
	}
	return (*C.int64_t)(&top.I[0])
}

// fold is of one series for each image, or, if shared, for the k of a series.
type fold struct {
	f        Folding
	channels int
	shared   bool
}

func (o *fold) Grad(y, dy *Tensor) []*Tensor {
	back := unfold(*o)
	return []*Tensor{y.g.add(&back, y.in[0].Shape, dy, y.in[1]), nil}
}

func (o *fold) CPU(p *Pool, y Array, in []Array) {
	c := o.f.c()
	C.k_fold(p.c, &c, C.int64_t(o.channels), y.cols(), flag(o.shared), y.ptr(), in[0].ptr(), o.f.at(in[1]))
}

// unfold is the series of each image, or, if shared, their sum.
type unfold fold

func (o *unfold) Grad(y, dy *Tensor) []*Tensor {
	back := fold(*o)
	return []*Tensor{y.g.add(&back, y.in[0].Shape, dy, y.in[1]), nil}
}

func (o *unfold) CPU(p *Pool, y Array, in []Array) {
	c := o.f.c()
	C.k_unfold(p.c, &c, C.int64_t(o.channels), in[0].cols(), flag(o.shared), y.ptr(), in[0].ptr(), o.f.at(in[1]))
}

type foldedConv struct {
	f       Folding
	in, out int
}

func (o *foldedConv) c() C.folded_conv {
	return C.folded_conv{o.f.c(), C.int64_t(o.in), C.int64_t(o.out), C.int64_t(o.f.size(o.in)), C.int64_t(o.f.size(o.out))}
}

// Grad: that of x is the convolution of dy by the taps in reverse, channels exchanged.
func (o *foldedConv) Grad(y, dy *Tensor) []*Tensor {
	x, w := y.in[0], y.in[1]
	d := []*Tensor{o.f.Conv(dy, w.Permute(2, 1, 0, 3).Flip(1).Flip(3), nil), y.g.add(&foldedConvWeightGrad{o: *o}, w.Shape, x, dy, y.in[2]), nil}
	if len(y.in) == 4 {
		d = append(d, y.g.add(&foldedConvBiasGrad{o: *o}, y.in[3].Shape, dy, y.in[2]))
	}
	return d
}

func (o *foldedConv) CPU(p *Pool, y Array, in []Array) {
	var b *C.float
	if len(in) == 4 {
		b = in[3].ptr()
	}
	c := o.c()
	C.k_folded_conv(p.c, &c, y.ptr(), in[0].ptr(), in[1].ptr(), b, o.f.at(in[2]))
}

type foldedConvWeightGrad struct {
	noGrad
	o foldedConv
}

func (g *foldedConvWeightGrad) CPU(p *Pool, dw Array, in []Array) {
	c := g.o.c()
	C.k_folded_conv_weight_grad(p.c, &c, dw.ptr(), in[0].ptr(), in[1].ptr(), g.o.f.at(in[2]))
}

type foldedConvBiasGrad struct {
	noGrad
	o foldedConv
}

func (g *foldedConvBiasGrad) CPU(p *Pool, db Array, in []Array) {
	c := g.o.c()
	C.k_folded_conv_bias_grad(p.c, &c, db.ptr(), in[0].ptr(), g.o.f.at(in[1]))
}
