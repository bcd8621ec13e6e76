package model

import "strconv"

var _ = register(Kind{Name: "tsmixerx", Family: "mixer", Paper: "Chen et al., TSMixer: An All-MLP Architecture for Time Series Forecasting, TMLR 2023, with auxiliary information", Mixes: true, New: func() Net { return &TSMixerx{} }})

// TSMixerx is [TSMixer] with columns beside the targets (§4.2, figure 5): what is known of the past is mapped to the steps of the
// horizon first, each kind of columns is mixed to as many features, and these are mixed along time and along features, the static ones again in
// every block. Its norms are layer norms, over time and features together. A column of a window counts once; NeuralForecast
// has one for every channel, which are so many columns here, a column's channels side by side.
type TSMixerx struct {
	Blocks  int     `toml:"blocks" default:"2" doc:"mixings of time and of features, behind the first"`
	Hidden  int     `toml:"hidden" default:"64" doc:"features, and hidden units of their mixing"`
	Dropout float64 `toml:"dropout" default:"0.0" doc:"share of the units that are dropped behind each linear layer of a mixing"`
	RevIN   bool    `toml:"revin" default:"true" doc:"normalise each channel of a window, and scale its forecast back"`
}

func (n TSMixerx) check(_, _ int) error {
	return firstError(size("blocks", n.Blocks), size("hidden", n.Hidden), checkDropout("dropout", n.Dropout))
}

func (n TSMixerx) scalesBack() string { return map[bool]string{true: "revin"}[n.RevIN] }

func (n TSMixerx) Forward(s *Scope, b Batch) *Tensor { return scaledBack(n, s, b) }

func (n TSMixerx) normalised(s *Scope, b Batch) (y *Tensor, back *windowScale) {
	B, C, L, H, K := b.Past.Shape[0], b.Past.Shape[1], b.Past.Last(), b.Horizon, b.Outputs
	x := b.Past // (B, C, L)
	if n.RevIN {
		x, back = reversible(s.In("revin"), x, false, 1, 1, C)
	}
	known := []*Tensor{x}
	if b.Hist != nil {
		known = append(known, b.Hist)
	}
	if b.Future != nil {
		known = append(known, b.Future.Slice(2, 0, L))
	}
	x = Dense(s.In("project"), Concat(1, known...), H, Identity)          // (B, C+X+F, H)
	features := []*Tensor{n.mixFeatures(s.In("hist"), x.Transpose(1, 2))} // (B, H, hidden) each
	if b.Future != nil {
		features = append(features, n.mixFeatures(s.In("future"), b.Future.Slice(2, L, L+H).Transpose(1, 2)))
	}
	var static *Tensor // (B, H, S)
	if b.Static != nil {
		static = b.Static.Unsqueeze(1).Expand(B, H, b.Static.Last())
		features = append(features, n.mixFeatures(s.In("static"), static))
	}
	x = n.mix(s.In("first"), Concat(2, features...))
	for i := range n.Blocks {
		s := s.In("blocks").In(strconv.Itoa(i))
		if static != nil {
			x = Concat(2, x, n.mixFeatures(s.In("static"), static))
		}
		x = n.mix(s, x)
	}
	y = Dense(s.In("out"), x, C*K, Identity)                                        // (B, H, C·K)
	return y.Reshape(B, H, C, K).Permute(0, 2, 1, 3).Reshape(B, C, b.Width()), back // (B, C, H·K)
}

// mix mixes x (B, H, n) along time, then along features (B, H, hidden).
func (n TSMixerx) mix(s *Scope, x *Tensor) *Tensor {
	return n.mixFeatures(s.In("feature"), n.mixTime(s.In("temporal"), x))
}

// mixTime is norm(x + drop(ReLU(W x + b))) along time, the axis before the last.
func (n TSMixerx) mixTime(s *Scope, x *Tensor) *Tensor {
	h := Dense(s.In("lin"), x.Transpose(1, 2), x.Shape[1], ReLU).Transpose(1, 2)
	return LayerNormOver(s.In("norm"), x.Add(s.Dropout(h, 0, n.Dropout)), 2)
}

// mixFeatures is norm(W₃x + b₃ + drop(W₂ drop(ReLU(W₁x + b₁)) + b₂)) along the last axis; W₃ is left out where x has
// hidden features already.
func (n TSMixerx) mixFeatures(s *Scope, x *Tensor) *Tensor {
	h := s.Dropout(Dense(s.In("lin_1"), x, n.Hidden, ReLU), 0, n.Dropout)
	h = s.Dropout(Dense(s.In("lin_2"), h, n.Hidden, Identity), 0, n.Dropout)
	if x.Last() != n.Hidden {
		x = Dense(s.In("residual"), x, n.Hidden, Identity)
	}
	return LayerNormOver(s.In("norm"), x.Add(h), 2)
}
