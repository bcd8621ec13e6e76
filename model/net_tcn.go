package model

import "strconv"

var _ = register(Kind{Name: "tcn", Family: "convolution", Paper: "van den Oord et al., WaveNet: A generative model for raw audio, 2016, as NeuralForecast's TCN, Olivares et al., 2022", Defaults: map[string]any{"scaler": "robust"},
	New: func() Net { return &TCN{} }})

// TCN encodes the lookback by causal convolutions whose taps lie further and further apart (§2.1). A linear map along
// time and a perceptron decode.
type TCN struct {
	Kernel        int    `toml:"kernel" default:"2" doc:"taps of a convolution"`
	Dilations     []int  `toml:"dilations" default:"[1, 2, 4, 8, 16]" doc:"steps between the taps of each layer"`
	Hidden        int    `toml:"hidden" default:"128" doc:"units of each layer"`
	Activation    string `toml:"activation" default:"relu" doc:"behind each layer: relu, softplus, tanh, selu, leaky_relu or sigmoid"`
	DecoderLayers int    `toml:"decoder_layers" default:"2" doc:"linear layers of the decoder, with ReLU between them"`
	DecoderHidden int    `toml:"decoder_hidden" default:"128" doc:"units between them"`
}

func (n TCN) check(_, _ int) error {
	return firstError(size("kernel", n.Kernel), size("dilations", len(n.Dilations)), sizes("dilations", n.Dilations, len(n.Dilations)), size("hidden", n.Hidden),
		checkActivation(n.Activation), size("decoder_layers", n.DecoderLayers), size("decoder_hidden", n.DecoderHidden))
}

func (n TCN) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	L, H := u.past.Last(), b.Horizon
	x := u.channels(u.past, u.Hist, u.Static, u.Future)
	for i, d := range n.Dilations {
		x = Conv(s.In("encoder").In(strconv.Itoa(i)), x.Pad(2, (n.Kernel-1)*d, 0), n.Hidden, n.Kernel, d)
		x = activations[n.Activation].of(x) // (N, hidden, L)
	}
	h := Dense(s.In("context"), x, H, Identity).Permute(2, 0, 1) // (H, N, hidden)
	if u.Future != nil {
		h = Concat(2, h, u.steps(u.Future, L, L+H))
	}
	return u.forecast(stepwise(decoderMLP(s.In("decoder"), h, n.DecoderLayers, n.DecoderHidden, b.Outputs)))
}
