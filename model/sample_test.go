package model

import (
	"math"
	"slices"
	"testing"
)

var sampleCases = []opCase{sampleCase("normal", 2, 1), sampleCase("studentt", 3, 1), sampleCase("poisson", 1, 2), sampleCase("negativebinomial", 2, .3),
	{name: "draw below", shapes: [][]int{{3}}, at: []int64{1 << 33, 11, 0}, noGradient: "draws", build: func(in []*Tensor) *Tensor { // seen through a table
		table := make([]float32, 37)
		for i := range table {
			table[i] = float32(i)
		}
		return in[0].g.Literal(table, 37, 1).Embedding(in[0].g.drawBelow(37, in[0], 4, []int{5, 13})).Reshape(5, 13)
	}, want: func(in [][]float32) (y []float64) {
		for e := range uint64(65) {
			word := philox([4]uint32{uint32(e / 4), 0, uint32(in[0][1]), 4}, [2]uint32{0, uint32(uint64(in[0][0]) >> 32)})[e%4]
			y = append(y, float64(uint64(word)*37>>32))
		}
		return y
	}, perf: [][]int{{3}}},
}

// sampleCase holds the draws, of four windows of three places, to the same numbers in Go.
func sampleCase(kind string, params int, times float32) opCase {
	return opCase{name: "sample " + kind, shapes: [][]int{{12, params}, {3}}, at: []int64{1 << 33, 0, 1 << 32}, noGradient: "draws",
		domain: func(x float32) float32 { return times * positive(x) },
		build:  func(in []*Tensor) *Tensor { return Loss{Kind: kind}.Sample(in[0], in[1], 3, 4) },
		want: func(in [][]float32) (y []float64) {
			for i := range 12 {
				s := slowStream{key: [2]uint32{0, uint32(uint64(in[1][0]) >> 32)}, place: uint64(in[1][2])*3 + uint64(i), number: 3}
				y = append(y, s.draw(kind, wide(in[0][i*params:][:params])))
			}
			return y
		}, perf: [][]int{{32 * 96 * 100, params}, {3}}}
}

// slowStream is the uniform numbers of one draw.
type slowStream struct {
	key    [2]uint32
	place  uint64
	number uint32
	n      int
}

func (s *slowStream) uniform() float64 {
	w := philox([4]uint32{uint32(s.place), uint32(s.place >> 32), uint32(s.n / 4), s.number | 1<<31}, s.key)[s.n%4]
	s.n++
	return (float64(w) + .5) / (1 << 32)
}

func (s *slowStream) normal() float64 {
	r := math.Sqrt(-2 * math.Log(s.uniform()))
	return r * math.Cos(2*math.Pi*s.uniform())
}

// poisson inverts the distribution, as is done for small rates.
func (s *slowStream) poisson(rate float64) (k float64) {
	u, p := s.uniform(), math.Exp(-rate)
	for ; u > p && k < 200; k++ {
		u, p = u-p, p*rate/(k+1)
	}
	return k
}

// gamma is Marsaglia's and Tsang's, of a shape of 1 or more after the boost.
func (s *slowStream) gamma(a float64) float64 {
	boost := 1.
	if a < 1 {
		boost, a = math.Pow(s.uniform(), 1/a), a+1
	}
	d := a - 1./3
	for {
		x := s.normal()
		v := math.Pow(1+x/math.Sqrt(9*d), 3)
		if v > 0 && math.Log(s.uniform()) < x*x/2+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}

func (s *slowStream) draw(kind string, p []float64) float64 {
	switch kind {
	case "normal":
		return p[0] + p[1]*s.normal()
	case "studentt":
		r := math.Sqrt(p[0] * math.Expm1(-2/p[0]*math.Log(s.uniform())))
		return p[1] + p[2]*r*math.Cos(2*math.Pi*s.uniform())
	case "poisson":
		return s.poisson(p[0])
	}
	return s.poisson(p[0] * p[1] * s.gamma(1/p[1]))
}

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
