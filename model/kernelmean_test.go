package model

import "fmt"

var kernelMeanCases = []opCase{
	kernelMeanCase(2, 3).timed(kernelMeanShapes(64, 64)...),
	kernelMeanCase(19, 2), // a block of channels, and what is left
}

func kernelMeanShapes(out, in int) [][]int {
	return [][]int{{out, in, 1, 1}, {out, in, 3, 3}, {out, in, 5, 5}}
}

func kernelMeanCase(out, in int) opCase {
	return opCase{name: fmt.Sprintf("kernel mean, %d of %d", out, in), shapes: kernelMeanShapes(out, in), build: func(in []*Tensor) *Tensor { return kernelMean(in...) },
		want: func(a [][]float32) []float64 {
			y := make([]float64, 25*in*out)
			for k := range 3 {
				taps := 2*k + 1
				for n, v := range a[k] {
					o, i, r, c := n/(in*taps*taps), n/(taps*taps)%in, n/taps%taps, n%taps
					y[(((r+2-k)*5+c+2-k)*in+i)*out+o] += float64(v) / 3
				}
			}
			return y
		}}
}
