package model

/*
#cgo noescape k_binary
#cgo nocallback k_binary
#cgo noescape k_fill
#cgo nocallback k_fill
#include "elementwise.h"
*/
import "C"

// Add is x + y. This and the other functions of two tensors broadcast as NumPy
// does: shapes are aligned at their last axes, and an axis of 1 is repeated.
func (x *Tensor) Add(y *Tensor) *Tensor { return newBinary(C.K_ADD, x, y) }

// Sub is x − y.
func (x *Tensor) Sub(y *Tensor) *Tensor { return newBinary(C.K_SUB, x, y) }

// Mul is x·y, element by element.
func (x *Tensor) Mul(y *Tensor) *Tensor { return newBinary(C.K_MUL, x, y) }

// Div is x / y.
func (x *Tensor) Div(y *Tensor) *Tensor { return newBinary(C.K_DIV, x, y) }

// Maximum is the larger of x and y, NaN where one is; in a tie each gets half of the gradient, as in PyTorch.
func (x *Tensor) Maximum(y *Tensor) *Tensor { return newBinary(C.K_MAX, x, y) }

// Minimum is the smaller of x and y; see [Tensor.Maximum].
func (x *Tensor) Minimum(y *Tensor) *Tensor { return newBinary(C.K_MIN, x, y) }

// Greater is 1 where x > y, else 0. No gradient flows through a comparison.
func (x *Tensor) Greater(y *Tensor) *Tensor { return newBinary(C.K_GT, x, y) }

// GreaterEqual is 1 where x ≥ y, else 0.
func (x *Tensor) GreaterEqual(y *Tensor) *Tensor { return newBinary(C.K_GE, x, y) }

// Equal is 1 where x = y, else 0.
func (x *Tensor) Equal(y *Tensor) *Tensor { return newBinary(C.K_EQ, x, y) }

// binaryOp is a function of two values, one of BINARY_OPS in elementwise.h.
type binaryOp struct {
	kind C.int
	walk C.walk
}

func newBinary(kind C.int, x, y *Tensor) *Tensor {
	wantF32("broadcasting arithmetic", x, y)
	shape := broadcast(x.Shape, y.Shape)
	return x.g.add(&binaryOp{kind, newWalk(shape, x.Shape, y.Shape)}, shape, x, y)
}

func (o *binaryOp) Grad(y, dy *Tensor) []*Tensor {
	a, b := y.in[0], y.in[1]
	var da, db *Tensor
	switch o.kind {
	case C.K_ADD:
		da, db = dy, dy
	case C.K_SUB:
		da, db = dy, dy.Neg()
	case C.K_MUL:
		da, db = dy.Mul(b), dy.Mul(a)
	case C.K_DIV:
		da = dy.Div(b)
		db = da.Mul(y).Neg()
	case C.K_MAX:
		da, db = dy.Mul(newBinary(C.K_STEP, a, b)), dy.Mul(newBinary(C.K_STEP, b, a))
	case C.K_MIN:
		da, db = dy.Mul(newBinary(C.K_STEP, b, a)), dy.Mul(newBinary(C.K_STEP, a, b))
	default: // steps: flat but where they jump
		return []*Tensor{nil, nil}
	}
	return []*Tensor{da.reduceTo(a.Shape), db.reduceTo(b.Shape)}
}

func (o *binaryOp) CPU(p *Pool, y Array, in []Array) {
	C.k_binary(p.c, o.kind, y.ptr(), in[0].ptr(), in[1].ptr(), &o.walk)
}

// Const is a tensor of one value everywhere.
func (g *Graph) Const(v float32, shape ...int) *Tensor { return g.add(fill{v: v}, shape) }

type fill struct {
	noGrad
	v float32
}

func (o fill) CPU(p *Pool, y Array, _ []Array) {
	C.k_fill(p.c, y.ptr(), C.float(o.v), C.int64_t(len(y.F)))
}
