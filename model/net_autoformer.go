package model

import (
	"fmt"
	"math"
)

var _ = register(Kind{Name: "autoformer", Family: "frequency", Paper: "Wu et al., Autoformer: Decomposition Transformers with Auto-Correlation for Long-Term Series Forecasting, NeurIPS 2021", New: func() Net { return &Autoformer{} }})

// Autoformer splits trend from season in every layer, and has auto-correlation in place of attention (§3.2): each step gets the values of steps that
// are as far away as the delays at which keys follow queries best. As in NeuralForecast the delays are the same for all windows of a
// batch in training, and each window's own in a forecast.
type Autoformer struct {
	coder
	Factor int `toml:"factor" default:"3" doc:"c: of L delays the c·ln L best count"`
	Kernel int `toml:"kernel" default:"25" doc:"steps of the moving average that is the trend; odd"`
}

func (n Autoformer) check(lookback, horizon int) error {
	if err := firstError(n.coder.check(lookback), size("factor", n.Factor), checkKernel(n.Kernel)); err != nil {
		return err
	}
	for _, T := range []int{lookback, n.coder.label(lookback) + horizon} {
		if k := n.delays(T); k < 1 || k > T {
			return fmt.Errorf("factor = %d: gives %d delays of %d steps", n.Factor, k, T)
		}
	}
	return nil
}

// delays is k of T steps.
func (n Autoformer) delays(T int) int { return int(float64(n.Factor) * math.Log(float64(T))) }

func (n Autoformer) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	return u.forecast(n.coder.seasonal(s, u, n.Kernel, n.correlate(true), n.correlate(false), n.correlate(false)))
}

// correlate is auto-correlation (eq. 5–7) of x (N, T, hidden) to y (N, S, hidden), cut to T steps or filled up with zeros. Heads and their units
// have the same delays and weights: the mean of their correlations is one product.
//
// A bias of queries or keys adds to all delays alike; one of values to all steps alike, which the encoder takes away with the moving average.
func (n Autoformer) correlate(encoder bool) attend {
	return func(s *Scope, x, y *Tensor) *Tensor {
		width, S, T := n.coder.width(), y.Shape[1], x.Shape[1]
		fit := func(x *Tensor) *Tensor {
			if S < T {
				return x.Pad(1, 0, T-S)
			}
			return x.Slice(1, 0, T)
		}
		lost := encoder && n.Dropout == 0
		q := denseBut(s.In("query"), x, width, true) // (N, T, width)
		k, v := fit(denseBut(s.In("key"), y, width, S >= T)), fit(denseBut(s.In("value"), y, width, lost))
		r := k.Correlation(q) // (N, T), by delay
		if s.train != nil {
			B := s.train.windows
			r = r.Reshape(B, r.Len()/B/T, T).Mul(s.train.weight.Reshape(B, 1, 1)).Sum(0, 1)
			r = s.train.ranks.sum(r.Reshape(T))
		}
		at := r.TopK(n.delays(T))
		weights := k.Lags(q, at).Scale(1 / float32(width)).Softmax() // (N, k)
		return denseBut(s.In("out"), v.Delays(weights, at), n.Hidden, lost)
	}
}
