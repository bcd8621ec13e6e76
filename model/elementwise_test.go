package model

import "math"

// each is f of every element of the first input.
func each(f func(x float64) float64) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		y := make([]float64, len(in[0]))
		for i, v := range in[0] {
			y[i] = f(float64(v))
		}
		return y
	}
}

// pairs is f of every pair that broadcasting a (2, 3, 5) and b makes, where at is b's place for a's index.
func pairs(f func(a, b float64) float64, at func(i int) int) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		y := make([]float64, len(in[0]))
		for i, v := range in[0] {
			y[i] = f(float64(v), float64(in[1][at(i)]))
		}
		return y
	}
}

func itself(i int) int { return i }

func positive(x float32) float32 { return float32(math.Abs(float64(x))) + .5 }

// apart keeps x away from multiples of ½, where a function has a kink.
func apart(x float32) float32 {
	k := math.Round(2 * float64(x))
	return float32(k/2 + .4*(2*float64(x)-k) + .5*math.Copysign(.15, 2*float64(x)-k))
}

func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// unaryCase is one on 37 elements: two vectors and a rest.
func unaryCase(name string, build func(x *Tensor) *Tensor, want func(x float64) float64, domain func(float32) float32) opCase {
	return opCase{name: name, shapes: [][]int{{37}}, domain: domain, build: func(in []*Tensor) *Tensor { return build(in[0]) }, want: each(want), perf: [][]int{{32 * 96, 512}}}
}

func binaryCase(name string, build func(a, b *Tensor) *Tensor, want func(a, b float64) float64, domain func(float32) float32) opCase {
	return opCase{name: name, shapes: [][]int{{2, 3, 5}, {2, 3, 5}}, domain: domain,
		build: func(in []*Tensor) *Tensor { return build(in[0], in[1]) }, want: pairs(want, itself), perf: [][]int{{32, 96, 512}, {32, 96, 512}}}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var elementwiseCases = []opCase{
	binaryCase("add", (*Tensor).Add, func(a, b float64) float64 { return a + b }, nil),
	binaryCase("sub", (*Tensor).Sub, func(a, b float64) float64 { return a - b }, nil),
	binaryCase("mul", (*Tensor).Mul, func(a, b float64) float64 { return a * b }, nil),
	binaryCase("div", (*Tensor).Div, func(a, b float64) float64 { return a / b }, positive),
	{name: "maximum", shapes: [][]int{{2, 3, 5}, {1}}, domain: apart, build: func(in []*Tensor) *Tensor { return in[0].Maximum(in[1].Scale(.01)) },
		want: pairs(func(a, b float64) float64 { return math.Max(a, b/100) }, func(int) int { return 0 })},
	{name: "minimum", shapes: [][]int{{2, 3, 5}, {1}}, domain: apart, build: func(in []*Tensor) *Tensor { return in[0].Minimum(in[1].Scale(.01)) },
		want: pairs(func(a, b float64) float64 { return math.Min(a, b/100) }, func(int) int { return 0 })},
	{name: "add row", shapes: [][]int{{2, 3, 5}, {5}}, build: func(in []*Tensor) *Tensor { return in[0].Add(in[1]) },
		want: pairs(func(a, b float64) float64 { return a + b }, func(i int) int { return i % 5 }), perf: [][]int{{32, 96, 512}, {512}}},
	{name: "mul column", shapes: [][]int{{2, 3, 5}, {2, 3, 1}}, build: func(in []*Tensor) *Tensor { return in[0].Mul(in[1]) },
		want: pairs(func(a, b float64) float64 { return a * b }, func(i int) int { return i / 5 })},
	{name: "sub middle", shapes: [][]int{{2, 3, 5}, {3, 1}}, build: func(in []*Tensor) *Tensor { return in[0].Sub(in[1]) },
		want: pairs(func(a, b float64) float64 { return a - b }, func(i int) int { return i / 5 % 3 })},
	{name: "div scalar", shapes: [][]int{{2, 3, 5}, {1}}, domain: positive, build: func(in []*Tensor) *Tensor { return in[0].Div(in[1]) },
		want: pairs(func(a, b float64) float64 { return a / b }, func(int) int { return 0 })},
	{name: "mul outer", shapes: [][]int{{4, 1}, {7}}, build: func(in []*Tensor) *Tensor { return in[0].Mul(in[1]) },
		want: func(in [][]float32) (y []float64) {
			for _, a := range in[0] {
				for _, b := range in[1] {
					y = append(y, float64(a)*float64(b))
				}
			}
			return y
		}},
	{name: "add across both", shapes: [][]int{{2, 1, 3, 1, 2}, {4, 1, 5, 1}}, build: func(in []*Tensor) *Tensor { return in[0].Mul(in[1]) },
		want: func(in [][]float32) (y []float64) {
			for i := range 2 * 4 * 3 * 5 * 2 {
				y = append(y, float64(in[0][i/120*6+i/10%3*2+i%2])*float64(in[1][i/30%4*5+i/2%5]))
			}
			return y
		}},
	{name: "twice", shapes: [][]int{{4}}, build: func(in []*Tensor) *Tensor { return in[0].Add(in[0]) }},
	{name: "where", shapes: [][]int{{3, 5}, {5}, {3, 1}}, build: func(in []*Tensor) *Tensor {
		return Where(in[0].g.Const(.1, 3, 5).Greater(in[0].Scale(1e-9)), in[1], in[2]).Add(in[0])
	}},
	unaryCase("scale", func(x *Tensor) *Tensor { return x.Scale(-2.5) }, func(x float64) float64 { return -2.5 * x }, nil),
	unaryCase("shift", func(x *Tensor) *Tensor { return x.Shift(3) }, func(x float64) float64 { return x + 3 }, nil),
	unaryCase("neg", (*Tensor).Neg, func(x float64) float64 { return -x }, nil),
	unaryCase("abs", (*Tensor).Abs, math.Abs, apart),
	unaryCase("exp", (*Tensor).Exp, math.Exp, nil),
	unaryCase("log", (*Tensor).Log, math.Log, positive),
	unaryCase("sqrt", (*Tensor).Sqrt, math.Sqrt, positive),
	unaryCase("square", func(x *Tensor) *Tensor { return x.Pow(2) }, func(x float64) float64 { return x * x }, nil),
	unaryCase("pow", func(x *Tensor) *Tensor { return x.Pow(-1.5) }, func(x float64) float64 { return math.Pow(x, -1.5) }, positive),
	unaryCase("tanh", (*Tensor).Tanh, math.Tanh, nil),
	unaryCase("sigmoid", (*Tensor).Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, nil),
	unaryCase("relu", (*Tensor).ReLU, func(x float64) float64 { return max(x, 0) }, apart),
	unaryCase("gelu", (*Tensor).GELU, func(x float64) float64 { return x * normal(x) }, nil),
	unaryCase("gelu tanh", (*Tensor).GELUTanh, geluTanh, nil),
	unaryCase("elu", func(x *Tensor) *Tensor { return x.ELU(.7) }, func(x float64) float64 { return max(x, 0) + min(.7*math.Expm1(x), 0) }, apart),
	unaryCase("selu", (*Tensor).SELU, func(x float64) float64 {
		return 1.0507009873554805 * (max(x, 0) + min(1.6732632423543772*math.Expm1(x), 0))
	}, apart),
	unaryCase("leaky relu", func(x *Tensor) *Tensor { return x.LeakyReLU(.2) }, func(x float64) float64 { return max(x, .2*x) }, apart),
	unaryCase("softplus", (*Tensor).Softplus, func(x float64) float64 { return math.Log1p(math.Exp(x)) }, nil),
	unaryCase("sinh", (*Tensor).Sinh, math.Sinh, nil),
	unaryCase("asinh", (*Tensor).Asinh, math.Asinh, nil),
	unaryCase("clamp", func(x *Tensor) *Tensor { return x.Clamp(-.5, 1) }, func(x float64) float64 { return min(max(x, -.5), 1) }, apart),
	{name: "compare", shapes: [][]int{{6}}, build: func(in []*Tensor) *Tensor {
		c := in[0].g.Const(0, 1)
		return in[0].Mul(in[0].Greater(c).Add(in[0].GreaterEqual(c)).Add(in[0].Equal(in[0])))
	}, domain: apart, want: each(func(x float64) float64 { return x * (truth(x > 0) + truth(x >= 0) + 1) })},
}

func geluTanh(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+.044715*x*x*x)))
}
