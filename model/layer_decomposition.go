package model

import (
	"math"
	"strconv"
)

// decompose splits x (N, T, hidden) into what is left of it and its moving average over k steps (Wu et al., Autoformer, 2021, eq. 1).
func decompose(x *Tensor, k int) (rest, trend *Tensor) {
	trend = x.MovingAvgSteps(k)
	return x.Sub(trend), trend
}

// seasonal forecasts (N, H·K) as Wu et al. 2021, §3.1 and figure 2: layers take moving averages over k steps away; those of the decoder add up to
// the trend, which starts with that of the lookback's end, then the lookback's mean. self, masked and cross are as in
// [coder.transform]; there are no positions, and steps have no order but in a circle.
func (c coder) seasonal(s *Scope, u univariate, k int, self, masked, cross attend) *Tensor {
	L, H := u.past.Last(), u.Horizon
	label := c.label(L)
	trend := u.past.MovingAvg(k) // (N, L)
	y := u.past.Sub(trend).Slice(1, L-label, L).Pad(1, 0, H)
	N := y.Shape[0]
	trend = Concat(1, trend.Slice(1, L-label, L), u.past.Mean(1).Expand(N, H)).Unsqueeze(2) // (N, T, 1)
	norm := func(s *Scope, x *Tensor) *Tensor {                                             // ibid., their special layer norm
		x = layerNormBut(s.In("layernorm"), x, layerNormEps, true)
		return x.Sub(x.Mean(1))
	}
	x := c.drop(s, c.embed(s.In("encoder_embedding"), u, u.past, 0)) // (N, L, hidden)
	e := s.In("encoder")
	for i := range c.EncoderLayers {
		s := e.In("layers").In(strconv.Itoa(i))
		x, _ = decompose(x.Add(c.drop(s, self(s.In("attention"), x, x))), k)
		x, _ = decompose(x.Add(c.feed(s, x, false)), k)
	}
	memory := norm(e.In("norm"), x)

	x = c.drop(s, c.embed(s.In("decoder_embedding"), u, y, L-label)) // (N, T, hidden)
	d := s.In("decoder")
	for i := range c.DecoderLayers {
		s := d.In("layers").In(strconv.Itoa(i))
		var t1, t2, t3 *Tensor
		x, t1 = decompose(x.Add(c.drop(s, masked(s.In("self_attention"), x, x))), k)
		x, t2 = decompose(x.Add(c.drop(s, cross(s.In("cross_attention"), x, memory))), k)
		x, t3 = decompose(x.Add(c.feed(s, x, false)), k)
		trend = trend.Add(circular3(s.In("projection"), t1.Add(t2).Add(t3), u.Outputs))
	}
	T := label + H
	x = norm(d.In("norm"), x).Slice(1, label, T)
	return Dense(d.In("out"), x, u.Outputs, Identity).Add(trend.Slice(1, label, T)).Reshape(N, u.Width()) // of (N, H, K)
}

// circular3 is a convolution of three steps in a circle (N, T, out) of x (N, T, n), with weight (out, n, 3).
func circular3(s *Scope, x *Tensor, out int) *Tensor {
	N, T, n := x.Shape[0], x.Shape[1], x.Last()
	w := s.Param("weight", Uniform(1/math.Sqrt(float64(3*n))), out, n, 3)
	y := x.Linear(w.Permute(2, 0, 1).Reshape(3*out, n), nil, Identity) // (N, T, 3·out)
	if T == 1 {
		y = y.Reshape(N, T, 3, out).Sum(2)
		return y.Reshape(N, T, out)
	}
	return y.Slice(2, 0, out).Roll(1, 1).Add(y.Slice(2, out, 2*out)).Add(y.Slice(2, 2*out, 3*out).Roll(1, -1))
}
