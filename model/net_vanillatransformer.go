package model

import "math"

var _ = register(Kind{Name: "vanillatransformer", Family: "attention", Paper: "Vaswani et al., Attention Is All You Need, NeurIPS 2017, with the decoder of Zhou et al., Informer, AAAI 2021", New: func() Net { return &VanillaTransformer{} }})

// VanillaTransformer is the transformer, of which the decoder forecasts all steps at once. As NeuralForecast's, it masks nothing
// in the decoder: its steps of the horizon hold nothing that must not be seen.
type VanillaTransformer struct {
	coder
}

func (n VanillaTransformer) check(lookback, _ int) error {
	return firstError(n.coder.check(lookback), checkHead(n.Hidden/max(n.Heads, 1)))
}

func (n VanillaTransformer) Forward(s *Scope, b Batch) *Tensor {
	u, c := b.univariate(), n.coder
	full := c.attention(func(s *Scope, q, k, v *Tensor) *Tensor {
		return joinHeads(s.Attention(q, k, v, nil, float32(1/math.Sqrt(float64(q.Last()))), false, n.Dropout))
	})
	return u.forecast(c.transform(s, u, full, full, full, nil, true))
}
