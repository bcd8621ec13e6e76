package model

/*
#cgo noescape k_dropout
#cgo nocallback k_dropout
#include "random.h"
*/
import "C"

// Dropout sets elements of x to 0 with probability rate and divides the others
// by 1 − rate (Srivastava et al. 2014, §10). state (3) is {seed, step, number of
// the first window in the global batch}; x is of batch windows, the slowest axis
// first. Which elements fall depends on these, on number, which tells apart the
// dropouts of a net, and on the element's place in the global batch: n ranks
// drop what one would.
func (x *Tensor) Dropout(rate float32, state *Tensor, number, batch int) *Tensor {
	if !(rate >= 0 && rate < 1) {
		badBuild("dropout: a rate of %g: want 0 ≤ rate < 1", rate)
	}
	if state.Type != I64 || state.Len() != 3 || batch < 1 || x.Len()%batch != 0 {
		badBuild("dropout: x %v of %d windows, state %v %s: want i64 of 3", x.Shape, batch, state.Shape, state.Type)
	}
	wantF32("dropout", x)
	if rate == 0 {
		return x
	}
	return x.g.add(dropout{rate, number, x.Len() / batch}, x.Shape, x, state)
}

type dropout struct {
	rate        float32
	number, row int // elements of one window
}

// Grad drops the same elements.
func (o dropout) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(o, y.Shape, dy, y.in[1]), nil}
}

func (o dropout) CPU(p *Pool, y Array, in []Array) {
	C.k_dropout(p.c, y.ptr(), in[0].ptr(), (*C.int64_t)(&in[1].I[0]), C.uint32_t(o.number), C.float(o.rate), C.int64_t(o.row), C.int64_t(len(y.F)))
}

// philox is the generator's own output, for its test vectors.
func philox(counter [4]uint32, key [2]uint32) (out [4]uint32) {
	C.philox((*C.uint32_t)(&out[0]), (*C.uint32_t)(&counter[0]), (*C.uint32_t)(&key[0]))
	return out
}
