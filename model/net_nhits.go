package model

import "strconv"

var _ = register(Kind{Name: "nhits", Family: "MLP", Paper: "Challu et al., N-HiTS: Neural Hierarchical Interpolation for Time Series Forecasting, AAAI 2023", New: func() Net { return &NHITS{} }})

// NHITS forecasts at several rates at once. Block ℓ pools its input to every
// k_ℓ-th step (§3.1), and gives H/r_ℓ coefficients, which are interpolated to
// the horizon (§3.3): the first stacks see and make what is slow. Backcasts are
// taken from what the next block sees, as in [NBEATS].
type NHITS struct {
	Blocks        []int  `toml:"blocks" default:"[1, 1, 1]" doc:"blocks of each stack"`
	Pool          []int  `toml:"pool" default:"[2, 2, 1]" doc:"steps pooled into one at a stack's input"`
	Downsample    []int  `toml:"downsample" default:"[4, 2, 1]" doc:"steps of the horizon that share a coefficient of a stack's forecast"`
	Layers        int    `toml:"layers" default:"3" doc:"hidden layers of a block with activation, behind one without"`
	Hidden        int    `toml:"hidden" default:"512" doc:"units of each"`
	Pooling       string `toml:"pooling" default:"max" doc:"max or average"`
	Interpolation string `toml:"interpolation" default:"linear" doc:"linear, nearest or cubic"`
	Activation    string `toml:"activation" default:"relu" doc:"relu, softplus, tanh, selu, leaky_relu or sigmoid"`
}

func (n NHITS) check(_, _ int) error {
	return firstError(size("blocks", len(n.Blocks)), sizes("blocks", n.Blocks, len(n.Blocks)), sizes("pool", n.Pool, len(n.Blocks)),
		sizes("downsample", n.Downsample, len(n.Blocks)), size("layers", n.Layers), size("hidden", n.Hidden),
		oneOf("pooling", n.Pooling, "max", "average"), oneOf("interpolation", n.Interpolation, Interpolations...), checkActivation(n.Activation))
}

func (n NHITS) Forward(s *Scope, b Batch) *Tensor {
	u, act := b.univariate(), activations[n.Activation]
	L, H, K := u.past.Last(), b.Horizon, b.Outputs
	var blocks []block
	for stack, count := range n.Blocks {
		k, knots := n.Pool[stack], max(H/n.Downsample[stack], 1)
		pool := func(x *Tensor) *Tensor {
			if n.Pooling == "average" {
				return x.AvgPool(k, k, true)
			}
			return x.MaxPool(k, k, 0, true)
		}
		exogenous := u.exogenous(pool)
		for range count {
			s := s.In("blocks").In(strconv.Itoa(len(blocks)))
			blocks = append(blocks, func(residual *Tensor, last bool) (back, fore *Tensor) {
				x := beside(pool(residual), exogenous) // (N, ⌈L/k⌉ + …)
				h := blockMLP(s, x, n.Layers, n.Hidden, act)
				back, θ := thetas(s.In("theta"), h, L, K*knots, last) // (N, L), (N, K·knots)
				fore = θ.Reshape(θ.Shape[0], K, knots).Interpolate(n.Interpolation, H).Transpose(1, 2)
				return back, fore.Reshape(θ.Shape[0], H*K)
			})
		}
	}
	return u.forecast(doublyResidual(u, blocks))
}
