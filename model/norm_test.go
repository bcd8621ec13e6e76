package model

import "math"

// rowsOf is f of each row of n elements of the first input.
func rowsOf(n int, f func(x []float64, in [][]float32) []float64) func(in [][]float32) []float64 {
	return func(in [][]float32) (y []float64) {
		for i := 0; i < len(in[0]); i += n {
			x := make([]float64, n)
			for j := range x {
				x[j] = float64(in[0][i+j])
			}
			y = append(y, f(x, in)...)
		}
		return y
	}
}

func softmaxOf(x []float64, _ [][]float32) []float64 {
	y := make([]float64, len(x))
	for j := range x {
		y[j] = math.Exp(x[j])
	}
	s := sum(y)
	for j := range y {
		y[j] /= s
	}
	return y
}

func standardised(x []float64, in [][]float32) []float64 {
	y := make([]float64, len(x))
	sd := math.Sqrt(variance(x)*float64(len(x)-1)/float64(len(x)) + .01)
	for j := range x {
		y[j] = (x[j] - mean(x)) / sd
		if len(in) > 1 {
			y[j] = y[j]*float64(in[1][j]) + float64(in[2][j])
		}
	}
	return y
}

var normCases = []opCase{
	{name: "softmax", shapes: [][]int{{2, 2, 19}}, perf: [][]int{{32 * 8, 96, 96}}, build: func(in []*Tensor) *Tensor { return in[0].Softmax() }, want: rowsOf(19, softmaxOf)},
	{name: "log softmax", shapes: [][]int{{3, 19}}, build: func(in []*Tensor) *Tensor { return in[0].LogSoftmax() },
		want: rowsOf(19, func(x []float64, in [][]float32) []float64 {
			y := softmaxOf(x, in)
			for j := range y {
				y[j] = math.Log(y[j])
			}
			return y
		})},
	{name: "standardise", shapes: [][]int{{2, 2, 19}}, build: func(in []*Tensor) *Tensor { return in[0].Standardise(.01) }, want: rowsOf(19, standardised)},
	{name: "instance norm", shapes: [][]int{{2, 3, 19}, {3}, {3}}, build: func(in []*Tensor) *Tensor { return in[0].InstanceNorm(in[1], in[2], .01) },
		want: func(in [][]float32) []float64 {
			y := rowsOf(19, standardised)(in[:1])
			for i := range y {
				y[i] = y[i]*float64(in[1][i/19%3]) + float64(in[2][i/19%3])
			}
			return y
		}},
	{name: "layer norm of one number", shapes: [][]int{{5, 1}, {1}, {1}}, build: func(in []*Tensor) *Tensor { return in[0].LayerNorm(in[1], in[2], 1e-5) }},
	{name: "layer norm", shapes: [][]int{{2, 2, 19}, {19}, {19}}, perf: [][]int{{32, 96, 512}, {512}, {512}}, build: func(in []*Tensor) *Tensor { return in[0].LayerNorm(in[1], in[2], .01) },
		want: rowsOf(19, standardised)},
}
