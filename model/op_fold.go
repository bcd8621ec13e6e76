package model

/*
#cgo noescape k_fold
#cgo nocallback k_fold
#cgo noescape k_unfold
#cgo nocallback k_unfold
#include "fold.h"
*/
import "C"

// A Folding makes k images of each series of T steps: that of frequency f = Top + 1 has lines of T/f steps below each other, and is filled up by
// zeros (Wu et al. 2023, eq. 4). Periods are not known before the run: images (N·k, places, channels) have the places of the
// largest, line behind line.
type Folding struct {
	Top   *Tensor // (N, k), i64: 0 ≤ Top < T/2
	Steps int     // T
}

// Fold is the images of x (N, channels, T).
func (f Folding) Fold(x *Tensor) *Tensor {
	if f.checked(); len(x.Shape) != 3 || x.Shape[0] != f.Top.Shape[0] || x.Last() != f.Steps {
		badBuild("fold: x %v, top %v, %d steps: want x (N, channels, steps)", x.Shape, f.Top.Shape, f.Steps)
	}
	wantF32("fold", x)
	return x.g.add(&fold{f, x.Shape[1], true}, []int{f.Top.Len(), f.places(), x.Shape[1]}, x)
}

// Unfold is the series (N, k, channels, T) of images x.
func (f Folding) Unfold(x *Tensor) *Tensor {
	f.wantImages("unfold", x)
	return x.g.add(&unfold{f, x.Last(), false}, []int{f.Top.Shape[0], f.Top.Last(), x.Last(), f.Steps}, x)
}

func (f Folding) checked() {
	if f.Top.Type != I64 || len(f.Top.Shape) != 2 || f.Steps < 2 {
		badBuild("fold: top %v %s, %d steps: want (N, k) i64 and 2 steps or more", f.Top.Shape, f.Top.Type, f.Steps)
	}
}

func (f Folding) wantImages(op string, x *Tensor) {
	if f.checked(); len(x.Shape) != 3 || x.Shape[0] != f.Top.Len() || x.Shape[1] != f.places() {
		badBuild("%s: x %v, top %v: want images (%d, %d, channels)", op, x.Shape, f.Top.Shape, f.Top.Len(), f.places())
	}
	wantF32(op, x)
}

// places of the largest image.
func (f Folding) places() int {
	most := 0
	for n := 1; n <= f.Steps/2; n++ {
		p := f.Steps / n
		most = max(most, (f.Steps+p-1)/p*p)
	}
	return most
}

func (f Folding) c() C.folding {
	return C.folding{C.int64_t(f.Top.Len()), C.int64_t(f.Top.Last()), C.int64_t(f.Steps), C.int64_t(f.places())}
}

// fold is of one series for each image, or, if shared, for the k of a series.
type fold struct {
	f        Folding
	channels int
	shared   bool
}

func (o *fold) Grad(y, dy *Tensor) []*Tensor {
	back := unfold(*o)
	return []*Tensor{y.g.add(&back, y.in[0].Shape, dy)}
}

func (o *fold) CPU(p *Pool, y Array, in []Array) {
	c := o.f.c()
	C.k_fold(p.c, &c, C.int64_t(o.channels), flag(o.shared), y.ptr(), in[0].ptr())
}

// unfold is the series of each image, or, if shared, their sum.
type unfold fold

func (o *unfold) Grad(y, dy *Tensor) []*Tensor {
	back := fold(*o)
	return []*Tensor{y.g.add(&back, y.in[0].Shape, dy)}
}

func (o *unfold) CPU(p *Pool, y Array, in []Array) {
	c := o.f.c()
	C.k_unfold(p.c, &c, C.int64_t(o.channels), flag(o.shared), y.ptr(), in[0].ptr())
}
