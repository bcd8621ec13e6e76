package model

/*
#cgo noescape k_add_runs
#cgo nocallback k_add_runs
#include "layout.h"
*/
import "C"

// Unfold is the runs of k elements that start at every stride-th one of the last axis: y[…,i,j] = x[…,i·stride+j],
// x (…, L) → (…, ⌊(L−k)/stride⌋+1, k).
func (x *Tensor) Unfold(k, stride int) *Tensor {
	wantF32("unfold", x)
	L := x.Last()
	if k < 1 || k > L || stride < 1 {
		badBuild("unfold: runs of %d, every %d, of %v: want 1 to %d elements, stride from 1", k, stride, x.Shape, L)
	}
	n := (L-k)/stride + 1
	o := &runs{mergeAxes([]int{x.rows(), n, k}, [][]int{{L, stride, 1}}), n, k, stride}
	return x.g.add(o, append(withLast(x.Shape, n), k), x)
}

type runs struct {
	walk         C.walk
	n, k, stride int
}

func (o *runs) Grad(y, dy *Tensor) []*Tensor {
	return []*Tensor{y.g.add(addRuns{n: o.n, k: o.k, stride: o.stride}, y.in[0].Shape, dy)}
}

func (o *runs) CPU(p *Pool, y Array, in []Array) { C.k_permute(p.c, y.ptr(), in[0].ptr(), &o.walk) }

// addRuns adds up, for each element of x, those of dy that were taken from it.
type addRuns struct {
	noGrad
	n, k, stride int
}

func (o addRuns) CPU(p *Pool, dx Array, in []Array) {
	C.k_add_runs(p.c, dx.ptr(), in[0].ptr(), dx.rows(), dx.cols(), C.int64_t(o.n), C.int64_t(o.k), C.int64_t(o.stride))
}
