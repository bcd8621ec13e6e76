package model

import "strconv"

var _ = register(Kind{Name: "mlp", Family: "MLP", Paper: "Rosenblatt, Principles of Neurodynamics, 1961, as NeuralForecast's MLP, Olivares et al., 2022", New: func() Net { return &MLP{} }})

// MLP is a perceptron over the flattened window, one for every channel:
// h_i = ReLU(W_i h_{i−1} + b_i) from h_0 = [past, hist, future, static], and ŷ = W h + b.
type MLP struct {
	Layers int `toml:"layers" default:"2" doc:"hidden layers"`
	Hidden int `toml:"hidden" default:"1024" doc:"units of each"`
}

func (n MLP) check(_, _ int) error {
	return firstError(size("layers", n.Layers), size("hidden", n.Hidden))
}

func (n MLP) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	h := beside(u.past, u.exogenous(nil)) // (N, L + …)
	for i := range n.Layers {
		h = Dense(s.In("mlp").In(strconv.Itoa(i)), h, n.Hidden, ReLU) // (N, hidden)
	}
	return u.forecast(Dense(s.In("out"), h, b.Width(), Identity))
}
