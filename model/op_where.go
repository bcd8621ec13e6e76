package model

/*
#cgo noescape k_where
#cgo nocallback k_where
#include "elementwise.h"
*/
import "C"

// Where is a where c is not 0, else b; all three broadcast. c has no gradient.
func Where(c, a, b *Tensor) *Tensor {
	wantF32("where", c, a, b)
	shape := broadcast(c.Shape, a.Shape, b.Shape)
	return c.g.add(&where{newWalk(shape, c.Shape, a.Shape, b.Shape)}, shape, c, a, b)
}

type where struct{ walk C.walk }

func (o *where) Grad(y, dy *Tensor) []*Tensor {
	c, zero := y.in[0], y.g.Const(0, 1)
	return []*Tensor{nil, Where(c, dy, zero).reduceTo(y.in[1].Shape), Where(c, zero, dy).reduceTo(y.in[2].Shape)}
}

func (o *where) CPU(p *Pool, y Array, in []Array) {
	C.k_where(p.c, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), &o.walk)
}
