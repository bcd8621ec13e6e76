package model

var _ = register(Kind{Name: "rnn", Family: "recurrent", Paper: "Elman, Finding structure in time, Cognitive Science 1990, as NeuralForecast's RNN, Olivares et al., 2022", Defaults: map[string]any{"scaler": "robust"},
	New: func() Net { return &RNN{} }})

// RNN is [LSTM] with Elman's units: tanh of a linear map of input and last state.
type RNN encoderDecoder

func (n RNN) check(_, _ int) error              { return encoderDecoder(n).check() }
func (n RNN) Forward(s *Scope, b Batch) *Tensor { return encoderDecoder(n).forward(s, b, "rnn") }
func (n RNN) Learn(s *Scope, b Batch) *Tensor   { return encoderDecoder(n).learn(s, b, "rnn") }
func (n RNN) Steps() int                        { return encoderDecoder(n).steps() }
