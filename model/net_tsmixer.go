package model

import "strconv"

var _ = register(Kind{Name: "tsmixer", Family: "mixer", Paper: "Chen et al., TSMixer: An All-MLP Architecture for Time Series Forecasting, TMLR 2023", Mixes: true, New: func() Net { return &TSMixer{} }})

// TSMixer mixes a window along time and along its channels by turns, each by a perceptron that adds to what it reads, and
// forecasts by a linear map of time (§4.1, figure 4).
type TSMixer struct {
	Blocks  int     `toml:"blocks" default:"2" doc:"mixings of time and of channels"`
	Hidden  int     `toml:"hidden" default:"64" doc:"hidden units of a mixing of channels"`
	Dropout float64 `toml:"dropout" default:"0.9" doc:"share of the units that are dropped behind each linear layer of a mixing"`
	RevIN   bool    `toml:"revin" default:"true" doc:"normalise each channel of a window, and scale its forecast back"`
}

func (n TSMixer) check(_, _ int) error {
	return firstError(size("blocks", n.Blocks), size("hidden", n.Hidden), checkDropout("dropout", n.Dropout))
}

func (n TSMixer) scalesBack() string { return map[bool]string{true: "revin"}[n.RevIN] }

func (n TSMixer) Forward(s *Scope, b Batch) *Tensor { return scaledBack(n, s, b) }

func (n TSMixer) normalised(s *Scope, b Batch) (y *Tensor, back *windowScale) {
	x := b.Past // (B, C, L)
	if n.RevIN {
		x, back = reversible(s.In("revin"), x, false, 1, 1, x.Shape[1])
	}
	for i := range n.Blocks {
		s := s.In("blocks").In(strconv.Itoa(i))
		x = n.mixTime(s.In("temporal"), x).Transpose(1, 2) // (B, L, C)
		x = n.mixChannels(s.In("feature"), x).Transpose(1, 2)
	}
	return Dense(s.In("out"), x, b.Width(), Identity), back // (B, C, H·K)
}

// mixTime is x + drop(ReLU(W norm(x) + b)) along time, the last axis.
func (n TSMixer) mixTime(s *Scope, x *Tensor) *Tensor {
	h := Dense(s.In("lin"), n.norm(s.In("norm"), x), x.Last(), ReLU)
	return x.Add(s.Dropout(h, 0, n.Dropout))
}

// mixChannels is x + drop(W₂ drop(ReLU(W₁ norm(x) + b₁)) + b₂) along the channels, the last axis.
func (n TSMixer) mixChannels(s *Scope, x *Tensor) *Tensor {
	h := s.Dropout(Dense(s.In("lin_1"), n.norm(s.In("norm"), x), n.Hidden, ReLU), 0, n.Dropout) // (B, L, hidden)
	return x.Add(s.Dropout(Dense(s.In("lin_2"), h, x.Last(), Identity), 0, n.Dropout))
}

// norm is a batch norm of every step of every channel, with the constants of TensorFlow's, where the paper's net was written.
func (n TSMixer) norm(s *Scope, x *Tensor) *Tensor {
	flat := x.Reshape(x.Shape[0], x.Len()/x.Shape[0])
	return batchNormOf(s, flat, 1, 1e-3, .01).Reshape(x.Shape...)
}
