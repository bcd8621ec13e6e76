package model

import "math/cmplx"

var complexCases = []opCase{
	{name: "complex tanh", perf: [][]int{{32, 96, 64}}, shapes: [][]int{{2, 4, 6}}, domain: func(x float32) float32 { return .3 * x }, build: func(in []*Tensor) *Tensor { return in[0].ComplexTanh() }, want: complexTanh64},
}

// complexTanh64 is of (2, 4, 6), by its definition.
func complexTanh64(in [][]float32) []float64 {
	y := make([]float64, 48)
	for r := range 2 {
		for i := range 6 {
			at := r*24 + i/3*6 + i%3 // and 3 columns or 2 rows on
			x := func(d int) float64 { return float64(in[0][at+d]) }
			t := cmplx.Tanh(complex(x(0)-x(15), x(3)+x(12)))
			y[at], y[at+3], y[at+12], y[at+15] = real(t), -imag(t), imag(t), real(t)
		}
	}
	return y
}
