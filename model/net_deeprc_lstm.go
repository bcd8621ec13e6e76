package model

var _ = register(Kind{Name: "deeprc_lstm", Family: "recurrent", Paper: "Sarkar et al., Radical-Cylon and Deep RC, arXiv 2502.20724, hydrology: He et al., arXiv 2410.15218", New: func() Net { return &DeepRCLSTM{} }})

// DeepRCLSTM is Deep RC's net for hydrology: dense, two LSTMs, dense, the
// forecast of all targets from the last step's state. It reads the targets'
// past, the historic columns and the statics of the lookback, 21 days there.
type DeepRCLSTM struct {
	Hidden     int     `toml:"hidden" default:"320" doc:"units of each layer"`
	Activation string  `toml:"activation" default:"selu" doc:"of the LSTMs' cells: selu or tanh"`
	Dropout    float64 `toml:"dropout" default:"0.2" doc:"share of the inputs of each LSTM that are dropped; what it keeps from step to step is never"`
}

func (n DeepRCLSTM) check(_, _ int) error {
	return firstError(size("hidden", n.Hidden), oneOf("activation", n.Activation, "selu", "tanh"), checkDropout("dropout", n.Dropout))
}

func (n DeepRCLSTM) Forward(s *Scope, b Batch) *Tensor {
	B, C, L := b.Past.Shape[0], b.Past.Shape[1], b.Past.Last()
	parts := []*Tensor{b.Past}
	if b.Hist != nil {
		parts = append(parts, b.Hist)
	}
	if b.Static != nil {
		parts = append(parts, b.Static.Unsqueeze(2).Expand(B, b.Static.Last(), L))
	}
	x := Concat(1, parts...).Permute(2, 0, 1) // (L, B, inputs)
	x = Dense(s.In("embed"), x, n.Hidden, SELU)
	for _, name := range []string{"lstm1", "lstm2"} {
		x = s.Dropout(x, 1, n.Dropout)
		x, _ = runLayers(recurrentLayers(s.In(name), map[string]string{"selu": "lstm selu", "tanh": "lstm"}[n.Activation], n.Hidden, n.Hidden, 1, 0), x, nil, nil)
	}
	h := Dense(s.In("dense"), x.Slice(0, L-1, L).Squeeze(0), n.Hidden, SELU) // (B, hidden)
	return Dense(s.In("head"), h, C*b.Width(), Identity).Reshape(B, C, b.Width())
}
