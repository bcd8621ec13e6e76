package model

/*
#cgo noescape k_attention
#cgo nocallback k_attention
#cgo noescape k_attention_grad
#cgo nocallback k_attention_grad
#include "attention.h"
*/
import "C"

import "slices"

// Attention is softmax(scale·q·kᵀ + bias)·v for q (…, Lq, d), k (…, Lk, d), v (…, Lk, dv) → (…, Lq, dv), with the same
// axes before (Vaswani et al. 2017, eq. 1, where scale is 1/√d). bias (…, Lq, Lk), nil for none, is spread over these
// axes; it is −∞ where a query must not see a key. If causal, query i sees keys j ≤ i. A query that sees no key gets 0.
// Nothing of size (Lq, Lk) is kept: the gradients compute it again (Dao et al. 2022). d and dv are at most 256.
func (q *Tensor) Attention(k, v, bias *Tensor, scale float32, causal bool) *Tensor {
	n := len(q.Shape) - 2
	if n < 0 || len(k.Shape) != n+2 || len(v.Shape) != n+2 || !slices.Equal(q.Shape[:n], k.Shape[:n]) || !slices.Equal(k.Shape[:n+1], v.Shape[:n+1]) ||
		q.Last() != k.Last() {
		badBuild("attention: q %v, k %v, v %v: want (…, Lq, d), (…, Lk, d), (…, Lk, dv)", q.Shape, k.Shape, v.Shape)
	}
	if max(q.Last(), v.Last()) > C.HEAD {
		badBuild("attention: q %v, v %v: heads of %d or less", q.Shape, v.Shape, C.HEAD)
	}
	batch, Lq, Lk := q.Shape[:n], q.Shape[n], k.Shape[n]
	in := []*Tensor{q, k, v}
	var biases []int
	if bias != nil {
		if m := len(bias.Shape) - 2; m < 0 || !slices.Equal(bias.Shape[m:], []int{Lq, Lk}) || !slices.Equal(broadcast(batch, bias.Shape[:m]), batch) {
			badBuild("attention: q %v, k %v, bias %v: want bias (…, %d, %d)", q.Shape, k.Shape, bias.Shape, Lq, Lk)
		}
		biases, in = bias.Shape[:len(bias.Shape)-2], append(in, bias)
	}
	wantF32("attention", in...)
	N := length(batch)
	o := &attention{a: C.attention{C.int64_t(N), C.int64_t(Lq), C.int64_t(Lk), C.int64_t(q.Last()), C.int64_t(v.Last()), C.int64_t(flag(causal)),
		C.float(scale), newWalk(batch, biases)}}
	o.states = q.g.add(o, []int{N * Lq * (v.Last() + 1)}, in...)
	return q.g.add(view{0, o.gradients}, withLast(q.Shape, v.Last()), append([]*Tensor{o.states}, in...)...)
}

// attention computes the result and the logarithms behind it; see k_attention. A view of the first carries the gradient.
type attention struct {
	noGrad
	a      C.attention
	states *Tensor
}

func (o *attention) CPU(p *Pool, y Array, in []Array) {
	C.k_attention(p.c, &o.a, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), at(in, len(in)/4*3)) // 3: bias
}

// gradients are those of the view's inputs [states, q, k, v, bias].
func (o *attention) gradients(y, dy *Tensor) []*Tensor {
	in := append(slices.Clone(y.in), dy)
	q, k, v := y.in[1], y.in[2], y.in[3]
	d := y.g.add(&attentionGrad{a: o.a}, []int{q.Len() + k.Len() + v.Len()}, in...)
	part := func(from int, x *Tensor) *Tensor { return d.Slice(0, from, from+x.Len()).Reshape(x.Shape...) }
	grads := []*Tensor{nil, part(0, q), part(q.Len(), k), part(q.Len()+k.Len(), v)}
	if len(y.in) == 5 {
		bias, n := y.in[4], len(q.Shape)-2
		scores := y.g.add(&attentionGrad{a: o.a, scores: true}, append(slices.Clone(q.Shape[:n+1]), k.Shape[n]), in...)
		grads = append(grads, scores.reduceTo(bias.Shape))
	}
	return grads
}

// attentionGrad is of [states, q, k, v, bias, dy], bias left out if there is none.
type attentionGrad struct {
	noGrad
	a      C.attention
	scores bool // the gradient of the scores, not of q, k and v
}

func (o *attentionGrad) CPU(p *Pool, d Array, in []Array) {
	last := len(in) - 1
	C.k_attention_grad(p.c, &o.a, d.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[3].ptr(), at(in, last/5*4), in[last].ptr(), flag(o.scores))
}
