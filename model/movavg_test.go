package model

import (
	"math"
	"testing"
)

var movingCases = []opCase{
	{name: "moving average", shapes: [][]int{{2, 11}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvg(5) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 22)
			for i := range y {
				for d := -2; d <= 2; d++ {
					y[i] += float64(in[0][i/11*11+min(max(i%11+d, 0), 10)]) / 5
				}
			}
			return y
		}},
	{name: "moving average in blocks", shapes: [][]int{{2, 200}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvg(25) }, perf: [][]int{{32 * 7, 336}},
		want: func(in [][]float32) []float64 {
			y := make([]float64, 400)
			for i := range y {
				for d := -12; d <= 12; d++ {
					y[i] += float64(in[0][i/200*200+min(max(i%200+d, 0), 199)]) / 25
				}
			}
			return y
		}},
	{name: "moving average of steps", shapes: [][]int{{2, 40, 3}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvgSteps(5) }, want: movingSteps64(2, 40, 3, 2), perf: [][]int{{32, 336, 64}}},
	{name: "moving average of few steps", shapes: [][]int{{2, 3, 17}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvgSteps(25) }, want: movingSteps64(2, 3, 17, 12)},
	{name: "moving average wider than the axis", shapes: [][]int{{2, 3}}, build: func(in []*Tensor) *Tensor { return in[0].MovingAvg(9) }},
}

// movingSteps64 is the moving average of h steps on both sides of (N, n, m) by its definition.
func movingSteps64(N, n, m, h int) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		y := make([]float64, N*n*m)
		for i := range y {
			for j := -h; j <= h; j++ {
				y[i] += float64(in[0][(i/m/n*n+min(max(i/m%n+j, 0), n-1))*m+i%m]) / float64(2*h+1)
			}
		}
		return y
	}
}

// The gradient is the transpose by its definition, of rows shorter and longer than a block and than a window, to rounding.
func TestMovingAvgGradient(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, c := range [][2]int{{1, 5}, {3, 9}, {24, 25}, {64, 1}, {200, 25}, {336, 25}, {400, 151}, {90, 401}} {
			n, k := c[0], c[1]
			g := &Graph{}
			dy := g.Input(F32, 3, n)
			data := opCase{shapes: [][]int{dy.Shape}}.inputs(1)
			got := run(t, g, []*Tensor{dy}, data, g.add(movingAvgGrad{half: k / 2}, dy.Shape, dy))[0]
			want, size := make([]float64, 3*n), make([]float64, 3*n)
			for i, v := range data[0] {
				for j := i%n - k/2; j <= i%n+k/2; j++ {
					to := i/n*n + min(max(j, 0), n-1)
					want[to] += float64(v) / float64(k)
					size[to] += math.Abs(float64(v)) / float64(k)
				}
			}
			for i, v := range got {
				if !(math.Abs(float64(v)-want[i]) <= 4e-7*size[i]*math.Sqrt(float64(k))) {
					t.Fatalf("%d steps, a window of %d: the gradient of step %d is %g, want %g", n, k, i, v, want[i])
				}
			}
		}
	})
}
