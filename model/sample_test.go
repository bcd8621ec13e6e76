package model

import (
	"math"
	"slices"
	"testing"
)

// draws are n draws, of a window each, of the distribution of these parameters, from window first on.
func draws(t *testing.T, l Loss, params []float32, first int64, n int) []float32 {
	t.Helper()
	g := &Graph{}
	x, state := g.Input(F32, n, len(params)), g.Input(I64, 3)
	var y *Tensor
	must(t, Build(func() { y = l.Sample(x, state, 3, n) }))
	return run(t, g, []*Tensor{x, state}, [][]float32{slices.Repeat(params, n), {7, 0, float32(first)}}, y)[0]
}

// Draws have the quantiles and the mean that gonum's distributions have.
func TestSample(t *testing.T) {
	const n = 100_000
	for _, c := range []struct {
		kind   string
		params []float32
	}{
		{"normal", []float32{1.5, .8}}, {"studentt", []float32{3.3, .5, 1.3}}, {"studentt", []float32{30, -2, .3}},
		{"poisson", []float32{.05}}, {"poisson", []float32{3}}, {"poisson", []float32{10.5}}, {"poisson", []float32{5000}},
		{"negativebinomial", []float32{4, .3}}, {"negativebinomial", []float32{2, 3}}, {"negativebinomial", []float32{50, 3e-4}},
	} {
		l := Loss{Kind: c.kind}
		got := draws(t, l, c.params, 0, n)
		mean, quantile := l.distribution(c.params)
		var sum, squares float64
		for _, v := range got {
			sum, squares = sum+float64(v), squares+float64(v)*float64(v)
		}
		if m := sum / n; math.Abs(m-mean) > 5*math.Sqrt((squares/n-m*m)/n) {
			t.Errorf("%s %v: mean %g, want %g", c.kind, c.params, m, mean)
		}
		for _, q := range []float64{.01, .1, .25, .5, .75, .9, .99} {
			at, below, upTo := quantile(q), 0, 0
			for _, v := range got {
				if float64(v) < at {
					below++
				}
				if float64(v) <= at {
					upTo++
				}
			}
			if tol := 5 * math.Sqrt(q*(1-q)/n); float64(below)/n > q+tol || float64(upTo)/n < q-tol {
				t.Errorf("%s %v: %d of %d draws lie below the quantile %g, %g, and %d not above it", c.kind, c.params, below, n, q, at, upTo)
			}
		}
		if tail := draws(t, l, c.params, 10, 90); !slices.Equal(tail, got[10:100]) {
			t.Errorf("%s %v: windows from 10 on dparams other values than in the whole batch", c.kind, c.params)
		}
	}
	if got := draws(t, Loss{Kind: "negativebinomial"}, []float32{float32(math.NaN()), 1}, 0, 1); got[0] == got[0] {
		t.Errorf("parameters that are NaN drew %g", got[0])
	}
}

func TestPathColumns(t *testing.T) {
	l := Loss{Kind: "normal", Quantiles: []float64{.1, .5, .9}}
	got := make([]float64, 4)
	l.ForecastPaths(got, []float32{5, 1, 4, 2, 8})
	if want := []float64{4, 1.4, 4, 6.8}; !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
		t.Errorf("columns %v, want %v", got, want)
	}
}
