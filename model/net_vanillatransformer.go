package model

import "math"

var _ = register(Kind{Name: "vanillatransformer", Family: "attention", Paper: "Vaswani et al., Attention Is All You Need, NeurIPS 2017, with the decoder of Zhou et al., Informer, AAAI 2021", New: func() Net { return &VanillaTransformer{} }})

// VanillaTransformer is the transformer, of which the decoder forecasts all steps at once. As NeuralForecast's, it masks nothing
// in the decoder: its steps of the horizon hold nothing that must not be seen.
type VanillaTransformer struct {
	Hidden        int     `toml:"hidden" default:"128" doc:"units of a step"`
	ConvHidden    int     `toml:"conv_hidden" default:"32" doc:"units between the two linear maps of a layer"`
	Heads         int     `toml:"heads" default:"4" doc:"heads of attention, of hidden/heads units each"`
	Dropout       float64 `toml:"dropout" default:"0.05" doc:"share dropped of embeddings, of attention's weights and results, and in and behind the two linear maps"`
	EncoderLayers int     `toml:"encoder_layers" default:"2" doc:"layers of the encoder"`
	DecoderLayers int     `toml:"decoder_layers" default:"1" doc:"layers of the decoder"`
	DecoderInput  float64 `toml:"decoder_input" default:"0.5" doc:"share of the lookback that the decoder reads, its end"`
	Activation    string  `toml:"activation" default:"gelu" doc:"between the two linear maps: gelu or relu"`
}

func (n VanillaTransformer) coder() coder {
	return coder{n.Hidden, n.ConvHidden, n.Heads, n.Dropout, n.EncoderLayers, n.DecoderLayers, n.DecoderInput, n.Activation}
}

func (n VanillaTransformer) check(lookback, _ int) error {
	return firstError(n.coder().check(lookback), checkHead(n.Hidden/max(n.Heads, 1)))
}

func (n VanillaTransformer) Forward(s *Scope, b Batch) *Tensor {
	u, c := b.univariate(), n.coder()
	full := c.attention(func(s *Scope, q, k, v *Tensor) *Tensor {
		return joinHeads(s.Attention(q, k, v, nil, float32(1/math.Sqrt(float64(q.Last()))), false, n.Dropout))
	})
	return u.forecast(c.transform(s, u, full, full, full, nil, true))
}
