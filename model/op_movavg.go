package model

// #include "kernels.h"
import "C"

// MovingAvg is the centred moving average over k elements of the last axis, the
// ends repeated (Wu et al., Autoformer, 2021, §3.1). k is odd.
func (x *Tensor) MovingAvg(k int) *Tensor {
	if k < 1 || k%2 == 0 {
		badBuild("moving average: a window of %d: must be odd", k)
	}
	return x.g.add(movingAvg{k}, x.Shape, x)
}

type movingAvg struct{ k int }

func (o movingAvg) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(movingAvgGrad{k: o.k}, y.Shape, dy)}
}

func (o movingAvg) CPU(_ *Pool, y Array, in []Array) {
	C.k_moving_avg(y.ptr(), in[0].ptr(), y.rows(), y.cols(), C.int64_t(o.k))
}

type movingAvgGrad struct {
	noGrad
	k int
}

func (o movingAvgGrad) CPU(_ *Pool, y Array, in []Array) {
	C.k_moving_avg_grad(y.ptr(), in[0].ptr(), y.rows(), y.cols(), C.int64_t(o.k))
}
