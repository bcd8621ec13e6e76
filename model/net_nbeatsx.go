package model

var _ = register(Kind{Name: "nbeatsx", Family: "MLP", Paper: "Olivares et al., Neural basis expansion analysis with exogenous variables: Forecasting electricity prices with NBEATSx, Int. J. Forecasting 2023", New: func() Net { return &NBEATSx{} }})

// NBEATSx is [NBEATS] whose blocks read the exogenous columns, too, and which
// has stacks that explain the residual by the columns known in advance (§3).
type NBEATSx struct {
	Stacks     []string `toml:"stacks" default:"[\"identity\", \"trend\", \"seasonality\"]" doc:"basis of each stack: identity, trend, seasonality or exogenous (future and static columns)"`
	Blocks     []int    `toml:"blocks" default:"[1, 1, 1]" doc:"blocks of each stack"`
	Layers     int      `toml:"layers" default:"3" doc:"hidden layers of a block with activation, behind one without"`
	Hidden     int      `toml:"hidden" default:"512" doc:"units of each"`
	Degree     int      `toml:"degree" default:"2" doc:"of a trend's polynomial"`
	Harmonics  int      `toml:"harmonics" default:"2" doc:"frequencies of a seasonality for each one that fits the horizon"`
	Activation string   `toml:"activation" default:"relu" doc:"relu, softplus, tanh, selu, leaky_relu or sigmoid"`
	Shared     bool     `toml:"shared" default:"false" doc:"the blocks of a stack share their weights"`
}

func (n NBEATSx) check(lookback, horizon int) error {
	return firstError(checkStacks(n.Stacks, "identity", "trend", "seasonality", "exogenous"), sizes("blocks", n.Blocks, len(n.Stacks)),
		size("layers", n.Layers), size("hidden", n.Hidden), checkActivation(n.Activation),
		checkBases(n.Stacks, "polynomial", n.Degree, n.Harmonics, lookback, horizon))
}

func (n NBEATSx) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	columns := u.exogenous(nil)
	e := expansions{L: u.past.Last(), H: b.Horizon, K: b.Outputs, basis: "polynomial", degree: n.Degree, harmonics: n.Harmonics}
	return u.forecast(doublyResidual(u, stacked(s, n.Stacks, n.Blocks, n.Shared, func(kind string, s *Scope) block {
		var expand expansion
		if kind == "exogenous" {
			expand = e.exogenous(u)
		} else {
			expand = e.of(b.Past.g, kind)
		}
		return func(residual *Tensor, last bool) (back, fore *Tensor) {
			h := blockMLP(s, beside(residual, columns), n.Layers, n.Hidden, activations[n.Activation])
			return expand(s.In("theta"), h, last)
		}
	})))
}

// exogenous is the expansion in the columns known in advance, statics among
// them. Its coefficients are the same for all K outputs, those of the forecast
// come first, and its backcast runs forwards, all as in NeuralForecast.
func (e expansions) exogenous(u univariate) expansion {
	B, C, T := u.Past.Shape[0], u.Past.Shape[1], e.L+e.H
	var columns []*Tensor
	if u.Future != nil {
		columns = append(columns, u.Future)
	}
	if u.Static != nil {
		columns = append(columns, u.Static.Unsqueeze(2).Expand(B, u.Static.Shape[1], T))
	}
	if len(columns) == 0 {
		badBuild(`nbeatsx: stacks has "exogenous", but the data has neither future nor static columns`)
	}
	x := Concat(1, columns...) // (B, p, L+H)
	p := x.Shape[1]
	basis := func(from, to int) *Tensor {
		part := x.Slice(2, from, to)
		return part.Unsqueeze(1).Expand(B, C, p, to-from).Reshape(B*C, p, to-from)
	}
	past, future := basis(0, e.L), basis(e.L, T)
	return func(s *Scope, h *Tensor, _ bool) (back, fore *Tensor) {
		θ := Dense(s, h, 2*p, Identity).Unsqueeze(1) // (N, 1, 2p)
		back = θ.Slice(2, p, 2*p).MatMul(past).Squeeze(1)
		fore = θ.Slice(2, 0, p).MatMul(future).Squeeze(1) // (N, H)
		N := fore.Shape[0]
		return back, fore.Unsqueeze(2).Expand(N, e.H, e.K).Reshape(N, e.H*e.K)
	}
}
