package model

/*
#cgo noescape k_dropout
#cgo nocallback k_dropout
#include "random.h"
*/
import "C"

// Dropout sets elements of x to 0 with probability rate and divides the others
// by 1 − rate (Srivastava et al. 2014, §10). state (3) is {seed, step, number of
// the first window in the global batch}; the windows of the batch run along
// axis. Which elements fall depends on these, on number, which tells apart the
// dropouts of a net, and on the element's place in its window: n ranks drop what
// one would.
func (x *Tensor) Dropout(rate float32, state *Tensor, number, axis, windows int) *Tensor {
	if !(rate >= 0 && rate < 1) {
		badBuild("dropout: a rate of %g: want 0 ≤ rate < 1", rate)
	}
	axis = x.axis(axis)
	if state.Type != I64 || state.Len() != 3 || windows < 1 || x.Shape[axis]%windows != 0 {
		badBuild("dropout: x %v of %d windows along axis %d, state %v %s: want i64 of 3", x.Shape, windows, axis, state.Shape, state.Type)
	}
	wantF32("dropout", x)
	if rate == 0 {
		return x
	}
	return x.g.add(dropout{rate, number, length(x.Shape[:axis]), windows}, x.Shape, x, state)
}

type dropout struct {
	rate           float32
	number         int
	outer, windows int // x is (outer, windows, elements)
}

// Grad drops the same elements.
func (o dropout) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(o, y.Shape, dy, y.in[1]), nil}
}

func (o dropout) CPU(p *Pool, y Array, in []Array) {
	C.k_dropout(p.c, y.ptr(), in[0].ptr(), (*C.int64_t)(&in[1].I[0]), C.uint32_t(o.number), C.float(o.rate),
		C.int64_t(o.outer), C.int64_t(o.windows), C.int64_t(len(y.F)/o.outer/o.windows))
}

// philox is the generator's own output, for its test vectors.
func philox(counter [4]uint32, key [2]uint32) (out [4]uint32) {
	C.philox((*C.uint32_t)(&out[0]), (*C.uint32_t)(&counter[0]), (*C.uint32_t)(&key[0]))
	return out
}
