package model

// #include "gemm.h"
import "C"

import "slices"

// MatMul is x·y for x (…, m, k) and y (…, k, n). The axes before them broadcast.
func (x *Tensor) MatMul(y *Tensor) *Tensor { return x.matMul(y, false, false) }

// MatMulT is x·yᵀ for x (…, m, k) and y (…, n, k); see [Tensor.MatMul].
func (x *Tensor) MatMulT(y *Tensor) *Tensor { return x.matMul(y, false, true) }

// TMatMul is xᵀ·y for x (…, k, m) and y (…, k, n); see [Tensor.MatMul].
func (x *Tensor) TMatMul(y *Tensor) *Tensor { return x.matMul(y, true, false) }

// matMul is op(x)·op(y), where op transposes the last two axes if its flag is set.
func (x *Tensor) matMul(y *Tensor, tx, ty bool) *Tensor {
	wantF32("matmul", x, y)
	if len(x.Shape) < 2 || len(y.Shape) < 2 {
		badBuild("matmul: %v and %v: both must have two axes or more", x.Shape, y.Shape)
	}
	bx, m, k := matrices(x.Shape, tx)
	by, l, n := matrices(y.Shape, ty)
	if k != l {
		badBuild("matmul: inner sizes differ: (%d, %d)·(%d, %d)", m, k, l, n)
	}
	if length(by) == 1 && len(bx) >= len(by) && len(bx) > 0 && !tx { // one product of all rows
		flat := x.Reshape(x.rows(), k).matMul(y.Reshape(y.Shape[len(y.Shape)-2:]...), false, ty)
		return flat.Reshape(append(slices.Clone(bx), m, n)...)
	}
	batch := broadcast(bx, by)
	o := &matMul{tx: tx, ty: ty}
	o.product = C.product{C.int64_t(flag(tx)), C.int64_t(flag(ty)), C.int64_t(m), C.int64_t(n), C.int64_t(k), newWalk(batch, bx, by)}
	return x.g.add(o, append(slices.Clone(batch), m, n), x, y)
}

// matrices splits a shape into the axes of a batch and the size of op(matrix).
func matrices(s []int, transposed bool) (batch []int, rows, cols int) {
	n := len(s)
	if transposed {
		return s[:n-2], s[n-1], s[n-2]
	}
	return s[:n-2], s[n-2], s[n-1]
}

type matMul struct {
	tx, ty  bool
	product C.product
}

func (o *matMul) Grad(y, dy *Tensor) []*Tensor {
	a, b := y.in[0], y.in[1]
	var da, db *Tensor
	if o.tx {
		da = b.matMul(dy, o.ty, true)
	} else {
		da = dy.matMul(b, false, !o.ty)
	}
	if o.ty {
		db = dy.matMul(a, true, o.tx)
	} else {
		db = a.matMul(dy, !o.tx, false)
	}
	return []*Tensor{da.reduceTo(a.Shape), db.reduceTo(b.Shape)}
}

func (o *matMul) CPU(p *Pool, y Array, in []Array) { gemm(p, &o.product, in[0].F, in[1].F, y.F) }
