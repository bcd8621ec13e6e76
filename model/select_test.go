package model

import (
	"cmp"
	"math"
	"slices"
	"testing"
)

var selectCases = []opCase{
	{name: "top k", shapes: [][]int{{3, 7}}, perf: [][]int{{32 * 8, 96}}, apart: true, build: func(in []*Tensor) *Tensor { return in[0].TakeAlong(1, in[0].TopK(3)) },
		want: func(in [][]float32) (y []float64) {
			for r := range 3 {
				row := slices.Clone(in[0][r*7:][:7])
				slices.Sort(row)
				for i := range 3 {
					y = append(y, float64(row[6-i]))
				}
			}
			return y
		}},
	{name: "rows of top k", shapes: [][]int{{1, 7}}, apart: true, noGradient: "indices", perf: [][]int{{1, 96}},
		build: func(in []*Tensor) *Tensor { // seen through a table
			table := make([]float32, in[0].Last())
			for i := range table {
				table[i] = float32(i)
			}
			return in[0].g.Literal(table, len(table), 1).Embedding(in[0].TopK(3).repeatRows(2))
		},
		want: func(in [][]float32) (y []float64) {
			best := []int{0, 1, 2, 3, 4, 5, 6}
			slices.SortFunc(best, func(a, b int) int { return cmp.Compare(in[0][b], in[0][a]) })
			for i := range 6 {
				y = append(y, float64(best[i%3]))
			}
			return y
		}},
	{name: "sparsity", shapes: [][]int{{2, 3, 4}, {2, 5, 4}, {3, 2}}, at: []int64{4, 0, 1, 1, 3, 2}, noGradient: "a measure to choose by",
		perf: [][]int{{32 * 8, 96, 64}, {32 * 8, 96, 64}, {96, 25}}, build: func(in []*Tensor) *Tensor { return in[0].Sparsity(in[1], in[2]) },
		want: func(in [][]float32) (y []float64) {
			for r := range 6 {
				most, sum := math.Inf(-1), 0.
				for j := range 2 {
					s := 0.
					for c := range 4 {
						s += float64(in[0][r*4+c]) * float64(in[1][(r/3*5+int(in[2][r%3*2+j]))*4+c])
					}
					most, sum = max(most, s), sum+s
				}
				y = append(y, most-sum/5)
			}
			return y
		}},
	{name: "correlation", shapes: [][]int{{2, 5, 3}, {2, 5, 3}}, noGradient: "a measure to choose by", perf: [][]int{{32, 96, 512}, {32, 96, 512}},
		build: func(in []*Tensor) *Tensor { return in[0].Correlation(in[1]) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 10)
			for i := range y {
				for t := range 5 {
					for c := range 3 {
						y[i] += float64(in[0][i/5*15+t*3+c]) * float64(in[1][i/5*15+(t+i)%5*3+c])
					}
				}
			}
			return y
		}},
}

// ints runs one output of indices.
func ints(t testing.TB, g *Graph, ins []*Tensor, data [][]float32, y *Tensor) []int64 {
	r, err := testCPU(t).Compile(g.Plan(align, y), nil)
	must(t, err)
	for i, x := range ins {
		must(t, write(r, x, data[i]))
	}
	must(t, r.Run())
	a, err := r.(*cpuRunner).array(y)
	must(t, err)
	return slices.Clone(a.I)
}

func TestTopKOfEqualOnesAndNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		x    []float32
		want []int64
	}{{[]float32{1, 3, 3, 2}, []int64{1, 2, 3}}, {[]float32{2, 2, 2, 2}, []int64{0, 1, 2}}, {[]float32{nan, nan, nan, nan}, []int64{0, 1, 2}}} {
		g := &Graph{}
		x := g.Input(F32, 1, 4)
		if got := ints(t, g, []*Tensor{x}, [][]float32{c.x}, x.TopK(3)); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.x, got, c.want)
		}
	}
}

// Far out, where a quotient of exponentials would overflow.
func TestComplexTanhOfLargeNumbers(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for seed := range uint64(9) {
			g := &Graph{}
			x := g.Input(F32, 2, 4, 6)
			data := opCase{shapes: [][]int{x.Shape}, domain: func(x float32) float32 { return 40 * x }}.inputs(seed)
			var want []float32
			for _, v := range complexTanh64(data) {
				want = append(want, float32(v))
			}
			same(t, "tanh", run(t, g, []*Tensor{x}, data, x.ComplexTanh())[0], want, 1e-5, largest(want))
		}
	})
}

// Draws depend on seed, step and number, and fill their range.
func TestDrawBelow(t *testing.T) {
	draw := func(of, number int, state ...float32) []int64 {
		g := &Graph{}
		if state == nil {
			return ints(t, g, nil, nil, g.drawBelow(of, nil, number, []int{10, 100}))
		}
		s := g.Input(I64, 3)
		return ints(t, g, []*Tensor{s}, [][]float32{state}, g.drawBelow(of, s, number, []int{10, 100}))
	}
	first := draw(7, 1, 5, 2, 0)
	count := make([]int, 7)
	for _, v := range first {
		count[v]++
	}
	if slices.Min(count) < 100 || slices.Max(count) > 190 {
		t.Errorf("of 1000 numbers below 7 there are %v", count)
	}
	if !slices.Equal(first, draw(7, 1, 5, 2, 64)) {
		t.Error("they depend on the window")
	}
	for _, other := range [][]int64{draw(7, 2, 5, 2, 0), draw(7, 1, 6, 2, 0), draw(7, 1, 5, 3, 0), draw(7, 1)} {
		if slices.Equal(first, other) {
			t.Error("two draws are alike")
		}
	}
}

// The correlation is that of all lags, and so TopK finds the best.
func TestCorrelation(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		g := &Graph{}
		x, y, at := g.Input(F32, 2, 19, 3), g.Input(F32, 2, 19, 3), g.Input(I64, 19)
		c := opCase{shapes: [][]int{x.Shape, y.Shape, at.Shape}}
		for i := range int64(19) {
			c.at = append(c.at, i)
		}
		got := run(t, g, []*Tensor{x, y, at}, c.inputs(1), x.Correlation(y), x.Lags(y, at))
		same(t, "correlation", got[0], got[1], 1e-6, largest(got[1]))
	})
}
