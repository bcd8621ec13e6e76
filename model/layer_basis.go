package model

import (
	"fmt"
	"math"
)

// An expansion makes coefficients of h (N, hidden) and from them backcast (N, L) and forecast (N, H·K); see [block].
type expansion func(s *Scope, h *Tensor, last bool) (backcast, forecast *Tensor)

// expansions are those of one net.
type expansions struct {
	L, H, K           int
	basis             string // of a trend
	degree, harmonics int
}

// of is the expansion of a stack of that kind.
func (e expansions) of(g *Graph, kind string) expansion {
	var past, future func(t, length int) []float64 // functions at step t
	switch kind {
	case "identity":
		return func(s *Scope, h *Tensor, last bool) (back, fore *Tensor) { return thetas(s, h, e.L, e.H*e.K, last) }
	case "trend":
		past = func(t, length int) []float64 { return trend(e.basis, e.degree+1, t, length) }
		future = past
	case "seasonality":
		past = func(t, _ int) []float64 { return seasonality(e.harmonics, e.H, -t) }
		future = func(t, _ int) []float64 { return seasonality(e.harmonics, e.H, t) }
	default:
		badBuild("no basis %q", kind)
	}
	table := func(f func(t, length int) []float64, length int) *Tensor { // (p, length)
		p := len(f(0, length))
		v := make([]float32, p*length)
		for t := range length {
			for i, x := range f(t, length) {
				v[i*length+t] = float32(x)
			}
		}
		return g.Literal(v, p, length)
	}
	P, F := table(past, e.L), table(future, e.H)
	return func(s *Scope, h *Tensor, last bool) (back, fore *Tensor) {
		θb, θf := thetas(s, h, P.Shape[0], F.Shape[0]*e.K, last) // (N, p), (N, p·K)
		if !last {
			back = θb.MatMul(P)
		}
		return back, perOutput(θf, e.K, func(θ *Tensor) *Tensor { return θ.MatMul(F) })
	}
}

// trendBases are the kinds of functions of a trend, as NeuralForecast has them.
var trendBases = []string{"polynomial", "legendre", "chebyshev", "changepoint", "piecewise_linear", "linear_hat", "spline"}

// trend are the n functions of a kind at step t of length.
func trend(kind string, n, t, length int) []float64 {
	f := make([]float64, n)
	x := 0. // of [0, 1], both ends among the steps
	if length > 1 {
		x = float64(t) / float64(length-1)
	}
	for i := range f {
		fi, fn := float64(i), float64(n)
		switch kind {
		case "polynomial": // (t/length)^i: Oreshkin et al. 2020, eq. 3
			f[i] = math.Pow(float64(t)/float64(length), fi)
		case "legendre", "chebyshev": // three terms: DLMF 18.9.1, table 18.9.1
			z := 2*x - 1
			switch {
			case i == 0:
				f[i] = 1
			case i == 1:
				f[i] = z
			case kind == "legendre":
				f[i] = ((2*fi-1)*z*f[i-1] - (fi-1)*f[i-2]) / fi
			default:
				f[i] = 2*z*f[i-1] - f[i-2]
			}
		case "changepoint": // a new slope from each of the points on
			f[i] = max(0, x-(fi+1)/fn)
		case "piecewise_linear": // hats between n + 1 knots, the first one 0
			if i > 0 {
				f[i] = max(0, 1-math.Abs(x-fi/fn)*fn)
			}
		case "linear_hat": // hats on n knots: x between two of them is a mean of both
			f[i] = max(0, 1-math.Abs(x*(fn-1)-fi))
		case "spline":
			f[i] = cubicSpline(i, n, x)
		default:
			panic(fmt.Sprintf("model: no trend of kind %q", kind))
		}
	}
	return f
}

// cubicSpline is the i-th of n cubic B-splines on [0, 1] with even knots, the ends threefold
// more (de Boor, A Practical Guide to Splines, 2001, ch. IX, eq. 14).
func cubicSpline(i, n int, x float64) float64 {
	const degree = 3
	inner := n - degree // intervals
	knot := func(j int) float64 { return float64(min(max(j-degree, 0), inner)) / float64(inner) }
	var at func(i, k int) float64
	at = func(i, k int) float64 {
		lo, hi := knot(i), knot(i+k+1)
		if k == 0 {
			if lo <= x && x < hi || x == 1 && lo < hi && hi == 1 {
				return 1
			}
			return 0
		}
		var y float64
		if d := knot(i+k) - lo; d > 0 {
			y = (x - lo) / d * at(i, k-1)
		}
		if d := hi - knot(i+1); d > 0 {
			y += (hi - x) / d * at(i+1, k-1)
		}
		return y
	}
	return at(i, degree)
}

// frequencies of a seasonality: 0, and 1, 1 + 1/harmonics … below half the horizon (Oreshkin et al. 2020, eq. 4, for harmonics = 1).
func frequencies(harmonics, horizon int) []float64 {
	f := []float64{0}
	for i := harmonics; 2*i < harmonics*horizon; i++ {
		f = append(f, float64(i)/float64(harmonics))
	}
	return f
}

// seasonality are the cosines, then the sines of all frequencies at step t of a period of the horizon.
func seasonality(harmonics, horizon, t int) []float64 {
	f := frequencies(harmonics, horizon)
	out := make([]float64, 2*len(f))
	for i, ω := range f {
		out[len(f)+i], out[i] = math.Sincos(2 * math.Pi * float64(t) / float64(horizon) * ω)
	}
	return out
}
