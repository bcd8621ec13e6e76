package model

/*
#cgo noescape k_window_stats
#cgo nocallback k_window_stats
#include "scaler.h"
*/
import "C"

import "slices"

// Scalers are the ways to scale a window by statistics of its own past, as
// NeuralForecast's TemporalNorm has them; see [Scaled].
var Scalers = []string{"identity", "standard", "robust", "minmax", "minmax1", "invariant", "revin"}

// scalerEps keeps a scale from 0.
const scalerEps = 1e-6

// windowScale is what rows are scaled by: z = (x − shift)/scale, each (…, 1).
type windowScale struct {
	kind         string
	shift, scale *Tensor
}

// windowScale takes the statistics of the first n elements of each row of x
// over those whose mask (rows, n) is not 0; mask may be nil. They are data: no
// gradient flows through them.
//
//	standard, revin   mean and deviation
//	robust, invariant median, and median distance from it (0: deviation·0.6745, as of a normal distribution)
//	minmax, minmax1   to [0, 1], to [−1, 1]
//
// Where the scale is 0 it is 1; [scalerEps] is added. Rows of which nothing counts have shift 0.
func (x *Tensor) windowScale(kind string, n int, mask *Tensor) windowScale {
	of, ok := map[string]C.int{"standard": C.K_STANDARD, "revin": C.K_STANDARD, "robust": C.K_ROBUST, "invariant": C.K_ROBUST,
		"minmax": C.K_MINMAX, "minmax1": C.K_MINMAX1}[kind]
	if !ok || n < 1 || n > x.Last() || mask != nil && mask.Len() != x.rows()*n {
		badBuild("scaler %q of the first %d of %v: want one of %v, and a mask (rows, n) or none", kind, n, x.Shape, Scalers[1:])
	}
	wantF32("scaler", x)
	in := []*Tensor{x}
	if mask != nil {
		wantF32("scaler", mask)
		in = append(in, mask)
	}
	stats := x.g.add(windowStats{kind: of, n: n}, append(slices.Clone(x.Shape[:len(x.Shape)-1]), 2), in...)
	axis := len(x.Shape) - 1
	return windowScale{kind, stats.Slice(axis, 0, 1), stats.Slice(axis, 1, 2)}
}

// apply scales rows.
func (s windowScale) apply(x *Tensor) *Tensor {
	z := x.Sub(s.shift).Div(s.scale)
	if s.kind == "invariant" {
		z = z.Asinh()
	}
	return z
}

// undo is the inverse of apply.
func (s windowScale) undo(z *Tensor) *Tensor {
	if s.kind == "invariant" {
		z = z.Sinh()
	}
	return z.Mul(s.scale).Add(s.shift)
}

type windowStats struct {
	noGrad
	kind C.int
	n    int
}

func (o windowStats) CPU(p *Pool, y Array, in []Array) {
	var mask *C.float
	if len(in) == 2 {
		mask = in[1].ptr()
	}
	C.k_window_stats(p.c, o.kind, y.ptr(), in[0].ptr(), mask, scalerEps, in[0].rows(), C.int64_t(o.n), in[0].cols())
}
