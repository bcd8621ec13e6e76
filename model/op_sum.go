package model

// #include "kernels.h"
import "C"

// SumRows is the sum of all rows of x: y_j = Σ_i x_ij, of shape (n).
func (x *Tensor) SumRows() *Tensor { return x.g.add(sumRows{}, []int{x.Last()}, x) }

// SumCols is the sum along the last axis: y_i = Σ_j x_ij, of shape (…, 1).
func (x *Tensor) SumCols() *Tensor { return x.g.add(sumCols{}, columnOf(x.Shape), x) }

type sumRows struct{}

func (sumRows) Grad(y, dy *Tensor) []*Tensor { return []*Tensor{dy.spreadTo(y.in[0].Shape)} }

func (sumRows) CPU(y Array, in []Array) {
	C.k_sum_rows(y.ptr(), in[0].ptr(), in[0].rows(), in[0].cols())
}

type sumCols struct{}

func (sumCols) Grad(y, dy *Tensor) []*Tensor { return []*Tensor{dy.spreadTo(y.in[0].Shape)} }

func (sumCols) CPU(y Array, in []Array) {
	C.k_sum_cols(y.ptr(), in[0].ptr(), in[0].rows(), in[0].cols())
}

// spreadTo repeats a row or a column of x over a larger shape.
func (x *Tensor) spreadTo(shape []int) *Tensor {
	if spread(shape, x.Shape) < 0 {
		badBuild("spread: %v is neither a row nor a column of %v", x.Shape, shape)
	}
	return x.g.add(spreadOp{}, shape, x)
}

type spreadOp struct{}

func (spreadOp) Grad(y, dy *Tensor) []*Tensor {
	switch spread(y.Shape, y.in[0].Shape) {
	case C.K_ROW:
		return []*Tensor{dy.SumRows()}
	case C.K_COL:
		return []*Tensor{dy.SumCols()}
	}
	return []*Tensor{dy}
}

func (spreadOp) CPU(y Array, in []Array) {
	clear(y.F)
	C.k_axpy(y.ptr(), y.ptr(), in[0].ptr(), 1, y.rows(), y.cols(), spread(y.Shape, in[0].Shape))
}
