package model

/*
#cgo noescape k_topk
#cgo nocallback k_topk
#include "select.h"
*/
import "C"

// TopK is where the k largest of the last axis are, i64 (…, k), the largest first and of equal ones the first. They have no gradient:
// [Tensor.TakeAlong] takes what stands there.
func (x *Tensor) TopK(k int) *Tensor {
	wantF32("top k", x)
	if k < 1 || k > x.Last() {
		badBuild("top k: %d of %v: want 1 to %d", k, x.Shape, x.Last())
	}
	return x.g.ints(topK{}, withLast(x.Shape, k), x)
}

type topK struct{ noGrad }

func (topK) CPU(p *Pool, y Array, in []Array) {
	C.k_topk(p.c, (*C.int64_t)(&y.I[0]), in[0].ptr(), in[0].rows(), in[0].cols(), C.int64_t(y.Shape[len(y.Shape)-1]))
}

// repeatRows is a row of indices (1, k) n times, (n, k).
func (at *Tensor) repeatRows(n int) *Tensor {
	if at.Type != I64 || len(at.Shape) != 2 || at.Shape[0] != 1 {
		badBuild("repeat: indices %v %s: want (1, k) i64", at.Shape, at.Type)
	}
	y := at.g.add(repeatRows{}, []int{n, at.Last()}, at)
	y.Type = I64
	return y
}

type repeatRows struct{ noGrad }

func (repeatRows) CPU(_ *Pool, y Array, in []Array) {
	for i := 0; i < len(y.I); i += len(in[0].I) {
		copy(y.I[i:], in[0].I)
	}
}
