package model

import "math"

var _ = register(Kind{Name: "ealstm", Family: "recurrent", Paper: "Kratzert et al., Towards learning universal, regional, and local hydrological behaviors via machine learning applied to large-sample datasets, HESS 2019, §3.1.2", New: func() Net { return &EALSTM{} }})

// EALSTM is the entity-aware LSTM: as [CudaLSTM], but the statics make the input
// gate, which is the same at every step, instead of being inputs.
type EALSTM struct {
	Hidden  int     `toml:"hidden" default:"128" doc:"units of the LSTM"`
	Forget  float64 `toml:"forget_bias" default:"3.0" doc:"the forget gate's bias before training"`
	Dropout float64 `toml:"dropout" default:"0.0" doc:"share of the LSTM's outputs that are dropped"`
}

func (n EALSTM) check(_, _ int) error {
	return firstError(size("hidden", n.Hidden), checkDropout("dropout", n.Dropout))
}

// Forward starts the dynamic gates as NeuralHydrology does, W_hh as three
// identities and the bias 0 but for the forget gate, with rows of W_ih of norm
// about 1, which are nearly orthogonal, where it makes them so.
func (n EALSTM) Forward(s *Scope, b Batch) *Tensor {
	if b.Static == nil {
		badBuild("ealstm: the statics make its input gate, but data.static names none")
	}
	x, H := b.dynamics("ealstm"), n.Hidden // (T, B, F)
	gates := s.In("gates")
	w := gates.Param("weight_ih", Uniform(1/math.Sqrt(float64(H))), x.Last(), 3*H)
	hidden := gates.Param("weight_hh", func(i int, _ float64) float64 {
		if i/(3*H) == i%H {
			return 1
		}
		return 0
	}, H, 3*H)
	bias := gates.Param("bias", func(i int, _ float64) float64 {
		if i < H {
			return n.Forget
		}
		return 0
	}, 3*H)
	in := Dense(s.In("input_gate"), b.Static, H, Sigmoid) // (B, H)
	h, _ := EALSTMCell(hidden.Transpose(0, 1)).Run(x.Linear(w.Transpose(0, 1), bias, Identity), in, CellState{})
	return b.simulate(s, h, n.Dropout)
}
