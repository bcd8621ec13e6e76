package model

var delayCases = []opCase{
	{name: "delays", perf: [][]int{{32, 96, 512}, {32, 4}, {32, 4}}, shapes: [][]int{{2, 5, 3}, {2, 2}, {2, 2}}, at: []int64{0, 3, 4, 4}, build: func(in []*Tensor) *Tensor { return in[0].Delays(in[1], in[2]) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 30)
			for i := range y {
				for j := range 2 {
					n, t, c := i/15, i/3%5, i%3
					y[i] += float64(in[1][n*2+j]) * float64(in[0][n*15+(t+int(in[2][n*2+j]))%5*3+c])
				}
			}
			return y
		}},
	{name: "delays of all", shapes: [][]int{{2, 5, 3}, {2, 3}, {3}}, at: []int64{1, 0, 3}, build: func(in []*Tensor) *Tensor { return in[0].Delays(in[1], in[2]) }},
	{name: "lags", perf: [][]int{{32, 96, 512}, {32, 96, 512}, {32, 4}}, shapes: [][]int{{2, 5, 3}, {2, 5, 3}, {2, 2}}, at: []int64{0, 3, 4, 4}, build: func(in []*Tensor) *Tensor { return in[0].Lags(in[1], in[2]) },
		want: func(in [][]float32) []float64 {
			w := make([]float64, 4)
			for i := range w {
				for j := range 15 {
					n, t, c := i/2, j/3, j%3
					w[i] += float64(in[0][n*15+j]) * float64(in[1][n*15+(t+int(in[2][i]))%5*3+c])
				}
			}
			return w
		}},
	{name: "lags of all", shapes: [][]int{{2, 5, 3}, {2, 5, 3}, {3}}, at: []int64{1, 0, 3}, build: func(in []*Tensor) *Tensor { return in[0].Lags(in[1], in[2]) }},
}
