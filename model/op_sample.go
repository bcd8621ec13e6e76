package model

/*
#cgo noescape k_sample
#cgo nocallback k_sample
#include "sample.h"
*/
import "C"

// Sample is one draw (…, 1) of each distribution whose parameters are params (…, K).
// state (3) is {seed, draw, number of the first window}, of windows of the batch, along the first axis. What is drawn depends on these, on number, which tells apart
// the draws of a net (where it has several, draw is 0), and on the place in the window: any rank draws the same. It carries no gradient.
func (l Loss) Sample(params, state *Tensor, number, windows int) *Tensor {
	kind, K := losses[l.Kind], params.Last()
	if len(kind.params) == 0 || K != len(kind.params) {
		badBuild("sample: parameters %v, loss %s: want a distribution and its %d values", params.Shape, l.Kind, len(kind.params))
	}
	if state.Type != I64 || state.Len() != 3 || windows < 1 || params.rows()%windows != 0 {
		badBuild("sample: parameters %v of %d windows, state %v %s: want i64 of 3", params.Shape, windows, state.Shape, state.Type)
	}
	wantF32("sample", params)
	shape := append([]int{}, params.Shape...)
	shape[len(shape)-1] = 1
	return params.g.add(draw{kind: kind.kernel, number: number, per: params.rows() / windows}, shape, params, state)
}

type draw struct {
	noGrad
	kind   C.int
	number int
	per    int // draws of a window
}

func (o draw) CPU(p *Pool, y Array, in []Array) {
	C.k_sample(p.c, y.ptr(), in[0].ptr(), (*C.int64_t)(&in[1].I[0]), C.uint32_t(o.number), o.kind, in[0].cols(), C.int64_t(o.per), C.int64_t(len(y.F)))
}
