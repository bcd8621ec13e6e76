package model

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
