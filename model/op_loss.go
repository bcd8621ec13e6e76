package model

// #include "kernels.h"
import "C"

import "slices"

// Loss measures a forecast against its target.
type Loss struct {
	Kind  string  // "mse", "mae" or "huber"
	Delta float32 // of huber: quadratic below it, linear above (Huber 1964; as PyTorch's HuberLoss)
}

var lossKinds = map[string]C.int{"mse": C.K_MSE, "mae": C.K_MAE, "huber": C.K_HUBER}

// LossNames are the kinds that a Loss can have.
func LossNames() []string { return []string{"mse", "mae", "huber"} }

// Of is {Σ w·e, Σ w} over pred and target (B, C, H) and window weights (B): a
// sum and a count, so that parts of a batch add up over ranks. NaN targets do
// not count.
func (l Loss) Of(pred, target, weight *Tensor) *Tensor {
	if !slices.Equal(pred.Shape, target.Shape) || len(weight.Shape) != 1 || pred.rows()%weight.Len() != 0 {
		badBuild("loss: forecast %v, target %v, weights %v", pred.Shape, target.Shape, weight.Shape)
	}
	kind, ok := lossKinds[l.Kind]
	if !ok {
		badBuild("loss: no kind %q", l.Kind)
	}
	return pred.g.add(lossOp{kind, l.Delta}, []int{2}, pred, target, weight)
}

type lossOp struct {
	kind  C.int
	delta float32
}

func (o lossOp) Grad(y, dy *Tensor) []*Tensor {
	d := y.g.add(lossGrad{kind: o.kind, delta: o.delta}, y.in[0].Shape, y.in[0], y.in[1], y.in[2], dy)
	return []*Tensor{d, nil, nil}
}

func (o lossOp) CPU(_ *Pool, y Array, in []Array) {
	C.k_loss(y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[0].rows(), in[0].cols(),
		in[0].rows()/in[2].cols(), o.kind, C.float(o.delta))
}

// lossGrad is ∂(Σ w·e)/∂pred; the count has no gradient.
type lossGrad struct {
	noGrad
	kind  C.int
	delta float32
}

func (o lossGrad) CPU(_ *Pool, y Array, in []Array) {
	C.k_loss_grad(y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[3].ptr(), y.rows(), y.cols(),
		y.rows()/in[2].cols(), o.kind, C.float(o.delta))
}
