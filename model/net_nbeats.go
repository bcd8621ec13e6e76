package model

import (
	"errors"
	"fmt"
	"strconv"
)

var _ = register(Kind{Name: "nbeats", Family: "MLP", Paper: "Oreshkin et al., N-BEATS: Neural basis expansion analysis for interpretable time series forecasting, ICLR 2020", New: func() Net { return &NBEATS{} }})

// NBEATS is a stack of blocks, each of which gives coefficients θ of a basis
// for its backcast and its forecast (§3.1): identity (any shape), trend (slow
// functions) or seasonality (harmonics, both §3.3).
type NBEATS struct {
	Stacks     []string `toml:"stacks" default:"[\"identity\", \"trend\", \"seasonality\"]" doc:"basis of each stack: identity, trend or seasonality"`
	Blocks     []int    `toml:"blocks" default:"[1, 1, 1]" doc:"blocks of each stack"`
	Layers     int      `toml:"layers" default:"3" doc:"hidden layers of a block with activation, behind one without"`
	Hidden     int      `toml:"hidden" default:"512" doc:"units of each"`
	Basis      string   `toml:"basis" default:"polynomial" doc:"functions of a trend: polynomial, legendre, chebyshev, changepoint, piecewise_linear, linear_hat or spline"`
	Degree     int      `toml:"degree" default:"2" doc:"of a trend; it has one function more"`
	Harmonics  int      `toml:"harmonics" default:"2" doc:"frequencies of a seasonality for each one that fits the horizon"`
	Activation string   `toml:"activation" default:"relu" doc:"relu, softplus, tanh, selu, leaky_relu or sigmoid"`
	Shared     bool     `toml:"shared" default:"false" doc:"the blocks of a stack share their weights"`
}

func (n NBEATS) check(lookback, horizon int) error {
	return firstError(checkStacks(n.Stacks, "identity", "trend", "seasonality"), sizes("blocks", n.Blocks, len(n.Stacks)),
		size("layers", n.Layers), size("hidden", n.Hidden), oneOf("basis", n.Basis, trendBases...), checkActivation(n.Activation),
		checkBases(n.Stacks, n.Basis, n.Degree, n.Harmonics, lookback, horizon))
}

func (n NBEATS) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	e := expansions{L: u.past.Last(), H: b.Horizon, K: b.Outputs, basis: n.Basis, degree: n.Degree, harmonics: n.Harmonics}
	return u.forecast(doublyResidual(u, stacked(s, n.Stacks, n.Blocks, n.Shared, func(kind string, s *Scope) block {
		expand := e.of(b.Past.g, kind)
		return func(residual *Tensor, last bool) (back, fore *Tensor) {
			return expand(s.In("theta"), blockMLP(s, residual, n.Layers, n.Hidden, activations[n.Activation]), last)
		}
	})))
}

// stacked makes the blocks of all stacks, in the scopes blocks.0, blocks.1 …; shared ones stand in that of their stack's first.
func stacked(s *Scope, stacks []string, counts []int, shared bool, make func(kind string, s *Scope) block) (blocks []block) {
	for i, kind := range stacks {
		first := len(blocks)
		for j := range counts[i] {
			if shared && j > 0 {
				blocks = append(blocks, blocks[first])
				continue
			}
			blocks = append(blocks, make(kind, s.In("blocks").In(strconv.Itoa(len(blocks)))))
		}
	}
	return blocks
}

func checkStacks(stacks []string, known ...string) error {
	if len(stacks) == 0 {
		return errors.New("stacks is empty: name at least one")
	}
	for _, kind := range stacks {
		if err := oneOf("stacks", kind, known...); err != nil {
			return err
		}
	}
	return nil
}

// checkBases checks what a trend and a seasonality need, where there is one.
func checkBases(stacks []string, basis string, degree, harmonics, lookback, horizon int) error {
	for _, kind := range stacks {
		rows, key := 0, ""
		switch {
		case kind == "trend" && (degree < 0 || degree > maxSize):
			return fmt.Errorf("degree = %d: must be between 0 and %d", degree, maxSize)
		case kind == "trend" && basis == "spline" && degree < 3:
			return fmt.Errorf("degree = %d: cubic splines need at least 3", degree)
		case kind == "trend" && basis == "linear_hat" && degree < 1:
			return fmt.Errorf("degree = %d: hat functions need at least 1", degree)
		case kind == "seasonality" && (harmonics < 1 || harmonics > maxSize):
			return fmt.Errorf("harmonics = %d: must be between 1 and %d", harmonics, maxSize)
		case kind == "seasonality" && horizon < 2:
			return fmt.Errorf("stacks: no seasonality fits a horizon of %d step", horizon)
		case kind == "trend":
			rows, key = degree+1, fmt.Sprint("degree = ", degree)
		case kind == "seasonality":
			rows, key = 2*len(frequencies(harmonics, horizon)), fmt.Sprint("harmonics = ", harmonics)
		}
		if rows*(lookback+horizon) > 1<<28 {
			return fmt.Errorf("%s: a basis of %d functions over %d steps is more than 2²⁸ values", key, rows, lookback+horizon)
		}
	}
	return nil
}
