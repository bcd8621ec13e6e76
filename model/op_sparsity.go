package model

/*
#cgo noescape k_sparsity
#cgo nocallback k_sparsity
#include "select.h"
*/
import "C"

import "slices"

// Sparsity measures how far the scores of each query q (…, Lq, d) for some of the keys k (…, Lk, d) are from even (Zhou et al. 2021, eq. 4):
// max_j s_j − Σ_j s_j/Lk, s_j = q_i·k_at[i,j], for at i64 (Lq, U), the same for all axes before → (…, Lq). It carries no gradient: it is there for [Tensor.TopK].
func (q *Tensor) Sparsity(k, at *Tensor) *Tensor {
	n := len(q.Shape) - 2
	if n < 0 || len(k.Shape) != n+2 || !slices.Equal(q.Shape[:n], k.Shape[:n]) || q.Last() != k.Last() || at.Type != I64 || len(at.Shape) != 2 || at.Shape[0] != q.Shape[n] {
		badBuild("sparsity: q %v, k %v, at %v %s: want (…, Lq, d), (…, Lk, d), i64 (Lq, U)", q.Shape, k.Shape, at.Shape, at.Type)
	}
	wantF32("sparsity", q, k)
	return q.g.add(sparsity{keys: k.Shape[n]}, q.Shape[:n+1], q, k, at)
}

type sparsity struct {
	noGrad
	keys int
}

func (o sparsity) CPU(p *Pool, y Array, in []Array) {
	wantIndices(in[2].I, o.keys)
	C.k_sparsity(p.c, y.ptr(), in[0].ptr(), in[1].ptr(), (*C.int64_t)(&in[2].I[0]), y.rows(), y.cols(), C.int64_t(o.keys), in[0].cols(), C.int64_t(len(in[2].I))/y.cols())
}
