package model

import "strconv"

var _ = register(Kind{Name: "tide", Family: "MLP", Paper: "Das et al., Long-term Forecasting with TiDE: Time-series Dense Encoder, TMLR 2023", New: func() Net { return &TiDE{} }})

// TiDE encodes the lookback and the columns beside it densely, decodes a vector for each step of the horizon, and makes of that and of what
// is known of the step its forecast; a linear map of the lookback is added (§4, eq. 1–6). One net for every channel. The columns
// are projected once for all channels of a window, and dropped so.
//
// A layer norm of a single output is that output's bias, in NeuralForecast as here: a net of one output a step learns only by
// the linear map then, and by its decoder with layer_norm = false.
type TiDE struct {
	Hidden         int     `toml:"hidden" default:"512" doc:"units of a block's hidden layer, and of the encoding"`
	EncoderLayers  int     `toml:"encoder_layers" default:"1" doc:"blocks of the encoder"`
	DecoderLayers  int     `toml:"decoder_layers" default:"1" doc:"blocks of the decoder"`
	DecoderOutput  int     `toml:"decoder_output" default:"32" doc:"numbers that are decoded for a step"`
	TemporalHidden int     `toml:"temporal_decoder_hidden" default:"128" doc:"hidden units of the block that makes a step's forecast of them"`
	TemporalWidth  int     `toml:"temporal_width" default:"4" doc:"numbers that a step's columns are projected to"`
	Dropout        float64 `toml:"dropout" default:"0.3" doc:"share of a block's outputs that are dropped"`
	LayerNorm      bool    `toml:"layer_norm" default:"true" doc:"normalise the output of each block"`
}

func (n TiDE) check(_, _ int) error {
	return firstError(size("hidden", n.Hidden), size("encoder_layers", n.EncoderLayers), size("decoder_layers", n.DecoderLayers), size("decoder_output", n.DecoderOutput),
		size("temporal_decoder_hidden", n.TemporalHidden), size("temporal_width", n.TemporalWidth), checkDropout("dropout", n.Dropout))
}

func (n TiDE) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	N, L, H := u.past.Shape[0], u.past.Last(), b.Horizon
	read := []*Tensor{u.past}
	if u.Hist != nil {
		read = append(read, u.perChannel(n.block(s.In("hist"), u.Hist.Transpose(1, 2), n.Hidden, n.TemporalWidth))) // (N, L·width)
	}
	var future *Tensor
	if u.Future != nil {
		future = u.perChannel(n.block(s.In("future"), u.Future.Transpose(1, 2), n.Hidden, n.TemporalWidth)) // (N, (L+H)·width)
		read = append(read, future)
	}
	if u.Static != nil {
		read = append(read, u.perChannel(u.Static))
	}
	h := beside(read[0], read[1:])
	for i := range n.EncoderLayers {
		h = n.block(s.In("encoder").In(strconv.Itoa(i)), h, n.Hidden, n.Hidden) // (N, hidden)
	}
	for i := range n.DecoderLayers {
		out := n.Hidden
		if i == n.DecoderLayers-1 {
			out = H * n.DecoderOutput
		}
		h = n.block(s.In("decoder").In(strconv.Itoa(i)), h, n.Hidden, out) // (N, H·output)
	}
	h = h.Reshape(N, H, n.DecoderOutput)
	if future != nil {
		h = Concat(2, h, future.Slice(1, L*n.TemporalWidth, (L+H)*n.TemporalWidth).Reshape(N, H, n.TemporalWidth))
	}
	y := n.block(s.In("temporal"), h, n.TemporalHidden, b.Outputs) // (N, H, K)
	return u.forecast(y.Reshape(N, b.Width()).Add(Dense(s.In("skip"), u.past, b.Width(), Identity)))
}

// block is norm(drop(W₂ ReLU(W₁x + b₁) + b₂) + W₃x + b₃) on the last axis (§4.1).
func (n TiDE) block(s *Scope, x *Tensor, hidden, out int) *Tensor {
	y := Dense(s.In("lin2"), Dense(s.In("lin1"), x, hidden, ReLU), out, Identity)
	y = s.Dropout(y, 0, n.Dropout).Add(Dense(s.In("skip"), x, out, Identity))
	if n.LayerNorm {
		y = LayerNorm(s.In("norm"), y, layerNormEps)
	}
	return y
}
