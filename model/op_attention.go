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

// maxHead is the most that d and dv of [Tensor.Attention] may be.
const maxHead = C.HEAD

// Attention is softmax(scale·q·kᵀ + bias)·v for q (…, Lq, d), k (…, Lk, d), v (…, Lk, dv) → (…, Lq, dv), with the same
// axes before (Vaswani et al. 2017, eq. 1, where scale is 1/√d). bias (…, Lq, Lk), nil for none, is spread over these
// axes; it is −∞ where a query must not see a key. If causal, query i sees keys j ≤ i. A query that sees no key gets 0.
// Nothing of size (Lq, Lk) is kept: the gradients compute it again (Dao et al. 2022). d and dv are at most 256.
func (q *Tensor) Attention(k, v, bias *Tensor, scale float32, causal bool) *Tensor {
	return q.attend(k, v, bias, scale, causal, drop{})
}

// drop is a dropout of attention weights (…, Lq, Lk); the windows run along axis 0, which may hold several rows of each,
// side by side. What falls is what [Tensor.Dropout] of these weights would drop.
type drop struct {
	rate            float32 // 0 for none
	state           *Tensor
	number, windows int
}

func (q *Tensor) attend(k, v, bias *Tensor, scale float32, causal bool, drop drop) *Tensor {
	n := len(q.Shape) - 2
	if n < 0 || len(k.Shape) != n+2 || len(v.Shape) != n+2 || !slices.Equal(q.Shape[:n], k.Shape[:n]) || !slices.Equal(k.Shape[:n+1], v.Shape[:n+1]) ||
		q.Last() != k.Last() {
		badBuild("attention: q %v, k %v, v %v: want (…, Lq, d), (…, Lk, d), (…, Lk, dv)", q.Shape, k.Shape, v.Shape)
	}
	if max(q.Last(), v.Last()) > maxHead {
		badBuild("attention: q %v, v %v: heads of %d or less", q.Shape, v.Shape, maxHead)
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
	rows := 0
	if drop.rate != 0 {
		if n < 1 || drop.windows < 1 || q.Shape[0]%drop.windows != 0 || !(drop.rate > 0 && drop.rate < 1) || drop.state.Type != I64 || drop.state.Len() != 3 {
			badBuild("attention: q %v of %d windows along axis 0, dropout of rate %g, state %v %s: want 0 ≤ rate < 1 and i64 of 3",
				q.Shape, drop.windows, drop.rate, drop.state.Shape, drop.state.Type)
		}
		rows, in = length(batch)/drop.windows, append(in, drop.state)
	}
	N := length(batch)
	o := &attention{a: C.attention{C.int64_t(N), C.int64_t(Lq), C.int64_t(Lk), C.int64_t(q.Last()), C.int64_t(v.Last()), C.int64_t(flag(causal)),
		C.float(scale), newWalk(batch, biases), C.float(drop.rate), C.uint32_t(drop.number), C.int64_t(rows)},
		bias: bias != nil}
	o.states = q.g.add(o, []int{N * Lq * (v.Last() + 1)}, in...)
	return q.g.add(view{0, o.gradients}, withLast(q.Shape, v.Last()), append([]*Tensor{o.states}, in...)...)
}

// attention computes the result and the logarithms behind it; see k_attention. A view of the first carries the gradient.
type attention struct {
	noGrad
	a      C.attention
	bias   bool
	states *Tensor
}

// CPU is of [q, k, v, bias, state], the last two left out where there is none.
func (o *attention) CPU(p *Pool, y Array, in []Array) {
	bias, state := given(in[3:], o.bias, o.a.rate > 0)
	C.k_attention(p.c, &o.a, y.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), bias, state)
}

// given are a bias and the state of a dropout, of inputs that begin with those that there are.
func given(in []Array, biased, drops bool) (bias *C.float, state *C.int64_t) {
	if biased {
		bias, in = in[0].ptr(), in[1:]
	}
	if drops {
		state = (*C.int64_t)(&in[0].I[0])
	}
	return bias, state
}

// gradients are those of the view's inputs [states, q, k, v, bias, state].
func (o *attention) gradients(y, dy *Tensor) []*Tensor {
	in := append(slices.Clone(y.in), dy)
	q, k, v := y.in[1], y.in[2], y.in[3]
	d := y.g.add(&attentionGrad{a: o.a, bias: o.bias}, []int{q.Len() + k.Len() + v.Len()}, in...)
	part := func(from int, x *Tensor) *Tensor { return d.Slice(0, from, from+x.Len()).Reshape(x.Shape...) }
	grads := make([]*Tensor, len(y.in))
	copy(grads, []*Tensor{nil, part(0, q), part(q.Len(), k), part(q.Len()+k.Len(), v)})
	if o.bias {
		bias, n := y.in[4], len(q.Shape)-2
		scores := y.g.add(&attentionGrad{a: o.a, bias: true, scores: true}, append(slices.Clone(q.Shape[:n+1]), k.Shape[n]), in...)
		grads[4] = scores.reduceTo(bias.Shape)
	}
	return grads
}

// attentionGrad is of [states, q, k, v, bias, state, dy]; see [attention.CPU].
type attentionGrad struct {
	noGrad
	a      C.attention
	bias   bool
	scores bool // the gradient of the scores, not of q, k and v
}

func (o *attentionGrad) CPU(p *Pool, d Array, in []Array) {
	last := len(in) - 1
	bias, state := given(in[4:], o.bias, o.a.rate > 0)
	C.k_attention_grad(p.c, &o.a, d.ptr(), in[0].ptr(), in[1].ptr(), in[2].ptr(), in[3].ptr(), bias, state, in[last].ptr(), flag(o.scores))
}
