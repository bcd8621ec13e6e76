package model

var _ = register(Kind{Name: "rnn", Family: "recurrent", Paper: "Elman, Finding structure in time, Cognitive Science 1990, as NeuralForecast's RNN, Olivares et al., 2022", Defaults: map[string]any{"scaler": "robust"},
	New: func() Net { return &RNN{} }})

// RNN is [LSTM] with Elman's units: an activation of a linear map of input and last state.
type RNN struct {
	encoderDecoder
	Activation string `toml:"encoder_activation" default:"tanh" doc:"of the encoder's units: tanh or relu; NeuralForecast takes relu, too, but has tanh all the same, so that only weights of tanh mean the same there"`
}

func (n RNN) check(lookback, horizon int) error {
	return firstError(n.encoderDecoder.check(lookback, horizon), oneOf("encoder_activation", n.Activation, "tanh", "relu"))
}

func (n RNN) Forward(s *Scope, b Batch) *Tensor { return n.forward(s, b, n.cell()) }
func (n RNN) Learn(s *Scope, b Batch) *Tensor   { return n.learn(s, b, n.cell()) }

// cell is a kind of recurrentLayers.
func (n RNN) cell() string { return map[string]string{"tanh": "rnn", "relu": "rnn relu"}[n.Activation] }
