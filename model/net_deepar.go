package model

var _ = register(Kind{Name: "deepar", Family: "recurrent", Paper: "Salinas et al., DeepAR: Probabilistic forecasting with autoregressive recurrent networks, Int. J. Forecasting 2020", Defaults: map[string]any{"train.loss": "studentt"},
	New: func() Net { return &DeepAR{} }})

// DeepAR forecasts the distribution of each step by an LSTM that reads the value
// of the step before and the columns of its own: in training the
// measured one, in a forecast that of a path drawn from the distributions (§3.2); quantiles and mean are those
// of the paths. In the validation loss it is the distribution's mean, which also takes the paths' place where the loss is no
// distribution.
type DeepAR struct {
	Layers        int     `toml:"layers" default:"2" doc:"layers of LSTM"`
	Hidden        int     `toml:"hidden" default:"128" doc:"units of each"`
	Dropout       float64 `toml:"dropout" default:"0.1" doc:"share of the units that are dropped between the layers"`
	DecoderLayers int     `toml:"decoder_layers" default:"0" doc:"hidden layers between LSTM and the distribution's parameters"`
	DecoderHidden int     `toml:"decoder_hidden" default:"128" doc:"units of each"`
	Samples       int     `toml:"samples" default:"100" doc:"paths that are drawn of each window for a forecast, where the loss is a distribution"`
	TrainHorizon  int     `toml:"train_horizon" default:"1" doc:"steps of the horizon that count in training"`
}

func (n DeepAR) check(_, _ int) error {
	if n.DecoderLayers != 0 {
		if err := size("decoder_layers", n.DecoderLayers); err != nil {
			return err
		}
	}
	return firstError(size("layers", n.Layers), size("hidden", n.Hidden), checkDropout("dropout", n.Dropout),
		size("decoder_hidden", n.DecoderHidden), size("samples", n.Samples), size("train_horizon", n.TrainHorizon))
}

func (n DeepAR) Steps() int { return n.TrainHorizon }

func (n DeepAR) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	return u.forecast(n.recursion(s, u).forecast())
}

func (n DeepAR) Learn(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	return u.forecast(n.recursion(s, u).learn())
}

func (n DeepAR) Paths(l Loss) int {
	if !l.isDistribution() {
		return 0
	}
	return n.Samples
}

func (n DeepAR) Sample(s *Scope, b Batch, draw *Tensor) *Tensor {
	return n.recursion(s, b.univariate()).sample(n.Samples, draw)
}

func (n DeepAR) recursion(s *Scope, u univariate) recursion {
	r := recursion{univariate: u, drop: func(x *Tensor) *Tensor { return s.Dropout(x, 1, n.Dropout) },
		reads: func(hist, static, future *Tensor) []*Tensor { return []*Tensor{hist, future, static} }}
	r.layers = recurrentLayers(s.In("encoder"), "lstm", u.columns(u.Hist, u.Static, u.Future), n.Hidden, n.Layers, 0)
	r.output = func(h *Tensor) *Tensor {
		return decoderMLP(s.In("decoder"), h, n.DecoderLayers+1, n.DecoderHidden, u.Outputs)
	}
	return r
}
