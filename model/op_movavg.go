package model

/*
#cgo noescape k_moving_avg
#cgo nocallback k_moving_avg
#cgo noescape k_moving_avg_grad
#cgo nocallback k_moving_avg_grad
#cgo noescape k_moving_steps
#cgo nocallback k_moving_steps
#cgo noescape k_moving_steps_grad
#cgo nocallback k_moving_steps_grad
#include "movavg.h"
*/
import "C"

// MovingAvg is the centred moving average over k elements of the last axis, the
// ends repeated (Wu et al., Autoformer, 2021, §3.1). k is odd.
func (x *Tensor) MovingAvg(k int) *Tensor {
	if k < 1 || k%2 == 0 {
		badBuild("moving average: a window of %d: must be odd", k)
	}
	wantF32("moving average", x)
	return x.g.add(movingAvg{k / 2}, x.Shape, x)
}

type movingAvg struct{ half int }

func (o movingAvg) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(movingAvgGrad{half: o.half}, y.Shape, dy)}
}

func (o movingAvg) CPU(p *Pool, y Array, in []Array) {
	C.k_moving_avg(p.c, y.ptr(), in[0].ptr(), y.rows(), y.cols(), C.int64_t(o.half))
}

type movingAvgGrad struct {
	noGrad
	half int
}

func (o movingAvgGrad) CPU(p *Pool, y Array, in []Array) {
	C.k_moving_avg_grad(p.c, y.ptr(), in[0].ptr(), y.rows(), y.cols(), C.int64_t(o.half))
}

// MovingAvgSteps is [Tensor.MovingAvg] along the axis before the last.
func (x *Tensor) MovingAvgSteps(k int) *Tensor {
	if k < 1 || k%2 == 0 || len(x.Shape) < 2 {
		badBuild("moving average: a window of %d of steps of %v: must be odd, of two axes or more", k, x.Shape)
	}
	wantF32("moving average", x)
	return x.g.add(movingSteps{k / 2}, x.Shape, x)
}

type movingSteps struct{ half int }

func (o movingSteps) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(movingStepsGrad{half: o.half}, y.Shape, dy)}
}

func (o movingSteps) CPU(p *Pool, y Array, in []Array) {
	n := C.int64_t(y.Shape[len(y.Shape)-2])
	C.k_moving_steps(p.c, y.ptr(), in[0].ptr(), y.rows()/n, n, y.cols(), C.int64_t(o.half))
}

type movingStepsGrad struct {
	noGrad
	half int
}

func (o movingStepsGrad) CPU(p *Pool, dx Array, in []Array) {
	n := C.int64_t(dx.Shape[len(dx.Shape)-2])
	C.k_moving_steps_grad(p.c, dx.ptr(), in[0].ptr(), dx.rows()/n, n, dx.cols(), C.int64_t(o.half))
}
