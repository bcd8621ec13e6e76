package model

import (
	"fmt"
	"math"
	"strconv"
)

var _ = register(Kind{Name: "itransformer", Family: "attention", Paper: "Liu et al., iTransformer: Inverted Transformers Are Effective for Time Series Forecasting, ICLR 2024", Mixes: true, New: func() Net { return &ITransformer{} }})

// ITransformer makes a token of each channel's whole lookback, and of each future column over lookback and horizon, has the tokens
// attend to each other, and forecasts each channel linearly from its own (§3.1, figure 2). Future columns are read as NeuralForecast
// 3.3.0 does: one of a window is one token; NeuralForecast has one for every channel, which are so many columns here.
type ITransformer struct {
	Hidden   int     `toml:"hidden" default:"512" doc:"numbers of a token"`
	Heads    int     `toml:"heads" default:"8" doc:"heads of attention, each over hidden/heads of them"`
	Layers   int     `toml:"layers" default:"2" doc:"layers of the encoder"`
	FFHidden int     `toml:"ff_hidden" default:"2048" doc:"hidden units of a layer's perceptron"`
	Dropout  float64 `toml:"dropout" default:"0.1" doc:"share of tokens, attention weights and units of the perceptron that are dropped"`
	Norm     bool    `toml:"norm" default:"true" doc:"normalise each channel of a window, and scale its forecast back"`
}

func (n ITransformer) check(_, _ int) error {
	err := firstError(size("hidden", n.Hidden), size("heads", n.Heads), size("layers", n.Layers), size("ff_hidden", n.FFHidden), checkDropout("dropout", n.Dropout))
	if err == nil && n.Heads > n.Hidden {
		err = fmt.Errorf("heads = %d: more than hidden = %d", n.Heads, n.Hidden)
	}
	if err != nil {
		return err
	}
	return checkHead(n.Hidden / n.Heads)
}

func (n ITransformer) scalesBack() string { return map[bool]string{true: "norm"}[n.Norm] }

func (n ITransformer) Forward(s *Scope, b Batch) *Tensor { return scaledBack(n, s, b) }

func (n ITransformer) normalised(s *Scope, b Batch) (y *Tensor, back *windowScale) {
	x, C := b.Past, b.Past.Shape[1] // (B, C, L)
	if n.Norm {
		x, back = reversible(s, x, false)
	}
	x = n.drop(s, Dense(s.In("embed"), x, n.Hidden, Identity)) // (B, C, hidden)
	if b.Future != nil {
		x = Concat(1, x, n.drop(s, Dense(s.In("future"), b.Future, n.Hidden, Identity))) // (B, C+F, hidden)
	}
	for i := range n.Layers {
		asks := x
		if i == n.Layers-1 { // nothing reads the columns' tokens any more
			asks = x.Slice(1, 0, C)
		}
		x = n.layer(s.In("encoder").In(strconv.Itoa(i)), asks, x)
	}
	x = LayerNorm(s.In("encoder").In("norm"), x, layerNormEps)
	return Dense(s.In("out"), x, b.Width(), Identity), back // (B, C, H·K)
}

func (n ITransformer) drop(s *Scope, x *Tensor) *Tensor { return s.Dropout(x, 0, n.Dropout) }

// layer is attention of x (B, T, hidden) to y (B, S, hidden) and a perceptron, each added to what it reads and then normalised
// (Vaswani et al. 2017, §3.1). The perceptron's weights have the shapes of convolutions of one tap, as NeuralForecast has them.
func (n ITransformer) layer(s *Scope, x, y *Tensor) *Tensor {
	d := n.Hidden / n.Heads
	heads := func(name string, x *Tensor) *Tensor { // (B, heads, T, d)
		return splitHeads(Dense(s.In("attention").In(name+"_projection"), x, d*n.Heads, Identity), n.Heads)
	}
	a := s.Attention(heads("query", x), heads("key", y), heads("value", y), nil, float32(1/math.Sqrt(float64(d))), false, n.Dropout)
	a = Dense(s.In("attention").In("out_projection"), joinHeads(a), n.Hidden, Identity) // (B, T, hidden)
	x = LayerNorm(s.In("norm1"), x.Add(n.drop(s, a)), layerNormEps)
	tap := func(name string, x *Tensor, out int, act Activation) *Tensor {
		s, init := s.In(name), Uniform(1/math.Sqrt(float64(x.Last())))
		return n.drop(s, x.Linear(s.Param("weight", init, out, x.Last(), 1).Reshape(out, x.Last()), s.Param("bias", init, out), act))
	}
	h := tap("conv2", tap("conv1", x, n.FFHidden, GELU), n.Hidden, Identity)
	return LayerNorm(s.In("norm2"), x.Add(h), layerNormEps)
}
