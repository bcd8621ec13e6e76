package model

var _ = register(Kind{Name: "gru", Family: "recurrent", Paper: "Cho et al., Learning phrase representations using RNN encoder–decoder, EMNLP 2014, as NeuralForecast's GRU, Olivares et al., 2022", Defaults: map[string]any{"hidden": int64(200), "scaler": "robust"},
	New: func() Net { return &GRU{} }})

// GRU is [LSTM] with gated recurrent units.
type GRU struct{ encoderDecoder }

func (n GRU) Forward(s *Scope, b Batch) *Tensor { return n.forward(s, b, "gru") }
func (n GRU) Learn(s *Scope, b Batch) *Tensor   { return n.learn(s, b, "gru") }
