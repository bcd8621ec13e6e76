package model

import (
	"math"
)

var _ = register(Kind{Name: "informer", Family: "attention", Paper: "Zhou et al., Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting, AAAI 2021", New: func() Net { return &Informer{} }})

// Informer is a transformer in which only some queries attend, those whose scores are least even (ProbSparse attention, §3 "Efficient Self-attention
// Mechanism"); the others get the mean of all values, in the decoder the sum of those up to their own step. Which keys a query is measured by is drawn, in
// every training step anew, in forecasts always the same. The encoder's layers halve the steps (§3 "Self-attention Distilling").
type Informer struct {
	coder
	Factor int  `toml:"factor" default:"3" doc:"c: of L queries c·⌈ln L⌉ attend, each measured by c·⌈ln S⌉ of S keys"`
	Distil bool `toml:"distil" default:"true" doc:"between two layers of the encoder a convolution and pooling of 2 steps"`

	draw func(s *Scope, of int, shape ...int) *Tensor // nil: [Scope.Draw]
}

func (n Informer) check(lookback, _ int) error {
	return firstError(n.coder.check(lookback), checkHead(n.Hidden/max(n.Heads, 1)), size("factor", n.Factor))
}

func (n Informer) Forward(s *Scope, b Batch) *Tensor {
	u, c := b.univariate(), n.coder
	heads := func(masked bool) attend {
		return c.attention(func(s *Scope, q, k, v *Tensor) *Tensor {
			// The heads' results, one behind the other, cut into steps: NeuralForecast does not bring those of a step together before.
			return n.probSparse(s, q, k, v, masked).Reshape(q.Shape[0], q.Shape[2], c.width())
		})
	}
	distil := n.distil
	if !n.Distil {
		distil = nil
	}
	return u.forecast(c.transform(s, u, heads(false), heads(true), heads(false), distil, false))
}

// probSparse is attention of q (N, heads, Lq, d) to k and v (N, heads, Lk, d) (algorithm 1). If masked, a query sees no later step.
func (n Informer) probSparse(s *Scope, q, k, v *Tensor, masked bool) *Tensor {
	Lq, Lk := q.Shape[2], k.Shape[2]
	few := func(L int) int { return min(n.Factor*int(math.Ceil(math.Log(float64(L)))), L) }
	draw := n.draw
	if draw == nil {
		draw = (*Scope).Draw
	}
	top := q.Sparsity(k, draw(s, Lk, Lq, few(Lk))).TopK(few(Lq)) // (N, heads, u)
	scale := float32(1 / math.Sqrt(float64(q.Last())))
	if !masked {
		mean := v.Mean(2) // (N, heads, 1, d)
		y := q.TakeRows(top).Attention(k, v, nil, scale, false)
		return y.Sub(mean).ScatterRows(top, Lq).Add(mean)
	}
	seen, hidden := make([]float32, Lk*Lk), make([]float32, Lk*Lk)
	for i := range seen {
		if i%Lk <= i/Lk {
			seen[i] = 1
		} else {
			hidden[i] = float32(math.Inf(-1))
		}
	}
	sums := q.g.Literal(seen, Lk, Lk).MatMul(v) // (N, heads, L, d)
	y := q.TakeRows(top).Attention(k, v, q.g.Literal(hidden, Lk, Lk).Embedding(top), scale, false)
	return y.Sub(sums.TakeRows(top)).ScatterRows(top, Lq).Add(sums)
}

// distil is x (N, T, hidden) with every second step dropped: a convolution, a batch norm and a maximum (eq. 5), (N, (T+1)/2+1, hidden).
func (n Informer) distil(s *Scope, x *Tensor) *Tensor {
	c, init := s.In("conv"), Uniform(1/math.Sqrt(float64(3*n.Hidden)))
	w, b := c.Param("weight", init, n.Hidden, n.Hidden, 3), c.Param("bias", init, n.Hidden)
	y := x.Transpose(1, 2).PadCircular(2, 2, 2).Conv1d(w, b.Still(), 1, 1) // (N, hidden, T+2); see BatchNorm for the bias
	return BatchNorm(s.In("norm"), y, 1).ELU(1).MaxPool(3, 2, 1, false).Transpose(1, 2)
}
