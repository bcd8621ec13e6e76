package model

/*
#cgo noescape k_loss
#cgo nocallback k_loss
#cgo noescape k_loss_grad
#cgo nocallback k_loss_grad
#include "loss.h"
*/
import "C"

import "slices"

// Of is {Σ w·e/divisor, Σ w} over pred (B, C, H·K), target (B, C, H) and window
// weights (B): a sum and a count, so that parts of a batch add up over ranks.
// NaN targets do not count. divisor is what [Loss.Divisor] made.
func (l Loss) Of(pred, target, weight, divisor *Tensor) *Tensor {
	kind, ok := losses[l.Kind]
	if !ok {
		badBuild("loss: no kind %q", l.Kind)
	}
	k, n := l.Outputs(), len(target.Shape)-1
	if len(pred.Shape) != n+1 || !slices.Equal(pred.Shape[:n], target.Shape[:n]) || pred.Last() != k*target.Last() ||
		len(weight.Shape) != 1 || pred.rows()%weight.Len() != 0 || divisor != nil && divisor.Len() != pred.rows() {
		badBuild("loss %s of %d values a step: forecast %v, target %v, weights %v", l.Kind, k, pred.Shape, target.Shape, weight.Shape)
	}
	in := []*Tensor{pred, target, weight}
	if divisor != nil {
		in = append(in, divisor)
	}
	o := lossOp{kind: C.int(kind.kernel), delta: C.float(l.Delta), k: k}
	for _, q := range l.Quantiles {
		o.q = append(o.q, float32(q))
	}
	return pred.g.add(o, []int{pred.rows(), 2}, in...).Sum(0).Reshape(2)
}

// lossOp is {Σ w·e/divisor, Σ w} of each row, (rows, 2).
type lossOp struct {
	kind  C.int
	delta C.float
	k     int
	q     []float32
}

func (o lossOp) Grad(y, dy *Tensor) []*Tensor {
	d := y.g.add(lossGrad{loss: o}, y.in[0].Shape, append([]*Tensor{dy}, y.in...)...)
	return append([]*Tensor{d}, make([]*Tensor, len(y.in)-1)...)
}

func (lossOp) blind() int   { return 1 }
func (lossGrad) blind() int { return 2 }

// divisorOf is what errors are divided by, or nil.
func divisorOf(in []Array) *C.float {
	if len(in) == 4 {
		return in[3].ptr()
	}
	return nil
}

func (o lossOp) CPU(p *Pool, y Array, in []Array) {
	C.k_loss(p.c, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), divisorOf(in), ptr(o.q),
		in[1].cols(), C.int64_t(o.k), y.rows()/in[2].cols(), o.kind, o.delta, y.rows())
}

// lossGrad is ∂(Σ w·e)/∂pred; the count has no gradient.
type lossGrad struct {
	noGrad
	loss lossOp
}

func (o lossGrad) CPU(p *Pool, dp Array, in []Array) {
	l, dy, in := o.loss, in[0], in[1:]
	C.k_loss_grad(p.c, dp.ptr(), dy.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), divisorOf(in), ptr(l.q),
		in[1].cols(), C.int64_t(l.k), dp.rows()/in[2].cols(), l.kind, l.delta, dp.rows())
}
