package model

var _ = register(Kind{"gru", "Cho et al., Learning phrase representations using RNN encoder–decoder, EMNLP 2014, as NeuralForecast's GRU, Olivares et al., 2022", func() Net { return &GRU{} }})

// GRU is [LSTM] with gated recurrent units.
type GRU encoderDecoder

func (n GRU) check(_, _ int) error              { return encoderDecoder(n).check() }
func (n GRU) Forward(s *Scope, b Batch) *Tensor { return encoderDecoder(n).forward(s, b, "gru") }
func (n GRU) Learn(s *Scope, b Batch) *Tensor   { return encoderDecoder(n).learn(s, b, "gru") }
func (n GRU) Steps() int                        { return encoderDecoder(n).steps() }
