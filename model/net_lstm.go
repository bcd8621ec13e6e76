package model

import "fmt"

var _ = register(Kind{Name: "lstm", Family: "recurrent", Paper: "Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 1997, as NeuralForecast's LSTM, Olivares et al., 2022", Defaults: map[string]any{"scaler": "robust"},
	New: func() Net { return &LSTM{} }})

// LSTM encodes the lookback with LSTMs and decodes each step of the horizon with a perceptron, one net for every channel.
type LSTM struct{ encoderDecoder }

func (n LSTM) Forward(s *Scope, b Batch) *Tensor { return n.forward(s, b, "lstm") }
func (n LSTM) Learn(s *Scope, b Batch) *Tensor   { return n.learn(s, b, "lstm") }

// encoderDecoder are the options that [LSTM], [GRU] and [RNN] have in common.
type encoderDecoder struct {
	Layers        int     `toml:"layers" default:"2" doc:"layers of the encoder"`
	Hidden        int     `toml:"hidden" default:"128" doc:"units of each"`
	Dropout       float64 `toml:"dropout" default:"0.0" doc:"share of the units that are dropped between the encoder's layers"`
	DecoderLayers int     `toml:"decoder_layers" default:"2" doc:"linear layers of the decoder, with ReLU between them"`
	DecoderHidden int     `toml:"decoder_hidden" default:"128" doc:"units between them"`
	Recurrent     bool    `toml:"recurrent" default:"false" doc:"forecast step by step, each from the forecast of the step before, without a decoder"`
	TrainHorizon  int     `toml:"train_horizon" default:"1" doc:"recurrent: steps of the horizon that count in training, in which the steps before are given"`
}

func (n encoderDecoder) check(_, _ int) error {
	return firstError(size("layers", n.Layers), size("hidden", n.Hidden), checkDropout("dropout", n.Dropout), size("decoder_layers", n.DecoderLayers),
		size("decoder_hidden", n.DecoderHidden), size("train_horizon", n.TrainHorizon))
}

// checkDropout is the error of a rate that drops nothing that makes sense.
func checkDropout(key string, rate float64) error {
	if !(rate >= 0 && rate < 1) {
		return fmt.Errorf("%s = %g: must be in [0, 1)", key, rate)
	}
	return nil
}

// Steps is that of a [Recursive] net.
func (n encoderDecoder) Steps() int {
	if n.Recurrent {
		return n.TrainHorizon
	}
	return 0
}

// forward decodes the hidden states of the last H steps, the future columns of
// the horizon beside them. Where the lookback is shorter, a linear map along time
// makes H of its L states.
func (n encoderDecoder) forward(s *Scope, b Batch, kind string) *Tensor {
	u := b.univariate()
	if n.Recurrent {
		return u.forecast(n.recursion(s, u, kind).forecast())
	}
	L, H := u.past.Last(), b.Horizon
	x := u.sequence(0, L, u.past, u.Hist, u.Static, u.Future)
	h, _ := runLayers(recurrentLayers(s.In("encoder"), kind, x.Last(), n.Hidden, n.Layers, 0), x, nil, n.drop(s)) // (L, N, hidden)
	if H > L {
		h = Dense(s.In("upsample"), h.Permute(1, 2, 0), H, Identity).Permute(2, 0, 1)
	} else {
		h = h.Slice(0, L-H, L)
	}
	if u.Future != nil {
		h = Concat(2, h, u.steps(u.Future, L, L+H))
	}
	return u.forecast(stepwise(decoderMLP(s.In("decoder"), h, n.DecoderLayers, n.DecoderHidden, b.Outputs)))
}

func (n encoderDecoder) learn(s *Scope, b Batch, kind string) *Tensor {
	u := b.univariate()
	return u.forecast(n.recursion(s, u, kind).learn())
}

// recursion projects each step's hidden state to the step's outputs; that of an LSTM within its layers, as NeuralForecast does.
func (n encoderDecoder) recursion(s *Scope, u univariate, kind string) recursion {
	r := recursion{univariate: u, drop: n.drop(s), output: func(h *Tensor) *Tensor { return h },
		reads: func(hist, static, future *Tensor) []*Tensor { return []*Tensor{hist, static, future} }}
	projection := u.Outputs
	if kind != "lstm" {
		projection = 0
		r.output = func(h *Tensor) *Tensor { return Dense(s.In("out"), h, u.Outputs, Identity) }
	}
	r.layers = recurrentLayers(s.In("encoder"), kind, u.columns(u.Hist, u.Static, u.Future), n.Hidden, n.Layers, projection)
	return r
}

func (n encoderDecoder) drop(s *Scope) func(x *Tensor) *Tensor {
	return func(x *Tensor) *Tensor { return s.Dropout(x, 1, n.Dropout) }
}
