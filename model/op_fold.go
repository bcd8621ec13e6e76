package model

// #include "foldconv.h"
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
	N, k, C := x.Shape[0], f.Top.Last(), x.Shape[1]
	image := x.Transpose(1, 2).Pad(1, 0, f.places()-f.Steps) // (N, places, channels): line behind line it is the same for every period
	return image.Unsqueeze(1).Expand(N, k, f.places(), C).Reshape(N*k, f.places(), C)
}

// Unfold is the series (N, k, channels, T) of images x.
func (f Folding) Unfold(x *Tensor) *Tensor {
	f.wantImages("unfold", x)
	return x.Slice(1, 0, f.Steps).Reshape(f.Top.Shape[0], f.Top.Last(), f.Steps, x.Last()).Transpose(2, 3)
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
	return C.folding{C.int64_t(f.Top.Len()), C.int64_t(f.Steps), C.int64_t(f.places())}
}
