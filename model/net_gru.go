package model

var _ = register(Kind{Name: "gru", Family: "recurrent", Paper: "Cho et al., Learning phrase representations using RNN encoder–decoder, EMNLP 2014, as NeuralForecast's GRU, Olivares et al., 2022", Defaults: map[string]any{"scaler": "robust"},
	New: func() Net { return &GRU{} }})

// GRU is [LSTM] with gated recurrent units.
type GRU struct { // encoderDecoder with another default
	Layers        int     `toml:"layers" default:"2" doc:"layers of the encoder"`
	Hidden        int     `toml:"hidden" default:"200" doc:"units of each"`
	Dropout       float64 `toml:"dropout" default:"0.0" doc:"share of the units that are dropped between the encoder's layers"`
	DecoderLayers int     `toml:"decoder_layers" default:"2" doc:"linear layers of the decoder, with ReLU between them"`
	DecoderHidden int     `toml:"decoder_hidden" default:"128" doc:"units between them"`
	Recurrent     bool    `toml:"recurrent" default:"false" doc:"forecast step by step, each from the forecast of the step before, without a decoder"`
	TrainHorizon  int     `toml:"train_horizon" default:"1" doc:"recurrent: steps of the horizon that count in training, in which the steps before are given"`
}

func (n GRU) check(_, _ int) error              { return encoderDecoder(n).check() }
func (n GRU) Forward(s *Scope, b Batch) *Tensor { return encoderDecoder(n).forward(s, b, "gru") }
func (n GRU) Learn(s *Scope, b Batch) *Tensor   { return encoderDecoder(n).learn(s, b, "gru") }
func (n GRU) Steps() int                        { return encoderDecoder(n).steps() }
