package model

// copyOp is x, elsewhere.
type copyOp struct{}

func (copyOp) Grad(_, dy *Tensor) []*Tensor { return []*Tensor{dy} }

func (copyOp) CPU(_ *Pool, y Array, in []Array) { copy(y.F, in[0].F) }
