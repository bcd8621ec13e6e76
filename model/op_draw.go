package model

/*
#cgo noescape k_draw_below
#cgo nocallback k_draw_below
#include "random.h"
*/
import "C"

import "math"

// drawBelow is whole numbers of 0 ≤ n < of. They depend on state (3), which is {seed, step, …}, nil for zeros, on number, which tells apart the
// dropouts and draws of a net, and on their place.
func (g *Graph) drawBelow(of int, state *Tensor, number int, shape []int) *Tensor {
	if of < 1 || of > math.MaxInt32 || state != nil && (state.Type != I64 || state.Len() != 3) {
		badBuild("draw below %d: want 1 to 2³¹−1, and a state of i64 (3)", of)
	}
	if state == nil {
		return g.ints(drawBelow{number: number, of: of}, shape)
	}
	return g.ints(drawBelow{number: number, of: of}, shape, state)
}

type drawBelow struct {
	noGrad
	number, of int
}

func (o drawBelow) CPU(_ *Pool, y Array, in []Array) {
	var state *C.int64_t
	if len(in) > 0 {
		state = (*C.int64_t)(&in[0].I[0])
	}
	C.k_draw_below((*C.int64_t)(&y.I[0]), state, C.uint32_t(o.number), C.uint32_t(o.of), C.int64_t(len(y.I)))
}
