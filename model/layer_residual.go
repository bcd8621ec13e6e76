package model

import (
	"math"
	"strconv"
)

// A block of a residual stack reads the residual (N, L) and gives its backcast
// (N, L) and its part of the forecast (N, H·K). The last block's backcast is
// not needed: it is nil.
type block func(residual *Tensor, last bool) (backcast, forecast *Tensor)

// doublyResidual adds up the blocks' forecasts, from the last value of the past
// on, and takes each backcast from what the next block sees (Oreshkin et al.
// 2020, eq. 2). The residual runs backwards in time, and is 0 where a value is missing, as in NeuralForecast.
func doublyResidual(u univariate, blocks []block) *Tensor {
	forecast := u.past.Slice(1, u.past.Last()-1, u.past.Last()) // (N, 1)
	residual, mask := u.past.Flip(1), u.mask
	if mask != nil {
		mask = mask.Flip(1)
	}
	for i, f := range blocks {
		last := i == len(blocks)-1
		back, fore := f(residual, last)
		forecast = forecast.Add(fore)
		if last {
			break
		}
		residual = residual.Sub(back)
		if mask != nil {
			residual = residual.Mul(mask)
		}
	}
	return forecast // (N, H·K)
}

// blockMLP is what every block starts with: a linear layer, then layers more, each with the activation (…, hidden).
func blockMLP(s *Scope, x *Tensor, layers, hidden int, act Activation) *Tensor {
	h := Dense(s.In("in"), x, hidden, Identity)
	for i := range layers {
		h = Dense(s.In("hidden").In(strconv.Itoa(i)), h, hidden, act)
	}
	return h
}

// thetas are the coefficients of backcast (N, back) and forecast (N, fore), one
// linear layer of h; of the last block only those of the forecast are computed.
func thetas(s *Scope, h *Tensor, back, fore int, last bool) (b, f *Tensor) {
	init := Uniform(1 / math.Sqrt(float64(h.Last())))
	w, bias := s.Param("weight", init, back+fore, h.Last()), s.Param("bias", init, back+fore)
	if last {
		return nil, h.Linear(w.Slice(0, back, back+fore), bias.Slice(0, back, back+fore), Identity)
	}
	y := h.Linear(w, bias, Identity)
	return y.Slice(1, 0, back), y.Slice(1, back, back+fore)
}

// perOutput applies f, a map of rows of n to rows of m, to each of the K
// outputs of x (N, n·K), in which those of a step are side by side.
func perOutput(x *Tensor, K int, f func(x *Tensor) *Tensor) *Tensor {
	if K == 1 {
		return f(x)
	}
	N := x.Shape[0]
	y := f(x.Reshape(N, x.Last()/K, K).Transpose(1, 2)) // (N, K, m)
	return y.Transpose(1, 2).Reshape(N, y.Last()*K)
}
