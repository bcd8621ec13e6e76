package model

import "math"

var _ = register(Kind{Name: "cudalstm", Family: "recurrent", Paper: "Kratzert et al., Towards learning universal, regional, and local hydrological behaviors via machine learning applied to large-sample datasets, HESS 2019, as NeuralHydrology's CudaLSTM", New: func() Net { return &CudaLSTM{} }})

// CudaLSTM is the rainfall–runoff LSTM: it reads the future columns of all L+H
// steps, the statics beside them, and gives the targets of the last H steps from
// the same day's hidden state. So a sequence length of 365 of which the last is
// predicted is a lookback of 364 and a horizon of 1. The past of the targets is
// not read.
type CudaLSTM struct {
	Hidden   int     `toml:"hidden" default:"128" doc:"units of the LSTM"`
	Forget   float64 `toml:"forget_bias" default:"3.0" doc:"the forget gate's bias before training"`
	Dropout  float64 `toml:"dropout" default:"0.0" doc:"share of the LSTM's outputs that are dropped"`
	Statics  []int   `toml:"statics_embedding" default:"[]" doc:"units of a perceptron over the statics, layer by layer; empty: none"`
	Dynamics []int   `toml:"dynamics_embedding" default:"[]" doc:"units of a perceptron over each step's columns; empty: none"`
}

func (n CudaLSTM) check(_, _ int) error {
	return firstError(size("hidden", n.Hidden), checkDropout("dropout", n.Dropout),
		sizes("statics_embedding", n.Statics, len(n.Statics)), sizes("dynamics_embedding", n.Dynamics, len(n.Dynamics)))
}

func (n CudaLSTM) Forward(s *Scope, b Batch) *Tensor {
	x := perceptron(s.In("dynamics"), b.dynamics("cudalstm"), Tanh, n.Dynamics...) // (L+H, B, F)
	if b.Static != nil {
		static := perceptron(s.In("statics"), b.Static, Tanh, n.Statics...)
		x = Concat(2, x, static.Unsqueeze(0).Expand(x.Shape[0], x.Shape[1], static.Last()))
	}
	lstm, init := s.In("lstm"), Uniform(1/math.Sqrt(float64(n.Hidden)))
	lstm.Param("bias_hh_l0", func(i int, u float64) float64 {
		if i/n.Hidden == 1 {
			return n.Forget
		}
		return init(i, u)
	}, 4*n.Hidden)
	h, _ := runLayers(recurrentLayers(lstm, "lstm", x.Last(), n.Hidden, 1, 0), x, nil, nil)
	return b.simulate(s, h, n.Dropout)
}

// dynamics are the future columns of all steps, time first (L+H, B, F).
func (b Batch) dynamics(net string) *Tensor {
	if b.Future == nil {
		badBuild("%s: reads the columns known for the steps it predicts, but data.future names none", net)
	}
	return b.Future.Permute(2, 0, 1)
}

// simulate is the forecast (B, C, H·K) by one linear layer of each of the last H hidden states of h (L+H, B, hidden).
func (b Batch) simulate(s *Scope, h *Tensor, dropout float64) *Tensor {
	T, B, C, H, K := h.Shape[0], h.Shape[1], b.Past.Shape[1], b.Horizon, b.Outputs
	h = s.Dropout(h.Slice(0, T-H, T), 1, dropout)
	y := Dense(s.In("head"), h, C*K, Identity)                          // (H, B, C·K)
	return y.Reshape(H, B, C, K).Permute(1, 2, 0, 3).Reshape(B, C, H*K) // (B, C, H·K)
}
