package model

import (
	"math"
	"slices"
	"testing"
)

var selectCases = []opCase{
	{name: "top k", shapes: [][]int{{3, 7}}, apart: true, build: func(in []*Tensor) *Tensor { return in[0].TakeAlong(1, in[0].TopK(3)) },
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

func TestSparsity(t *testing.T) {
	const N, Lq, Lk, d, U = 2, 3, 5, 4, 2
	forEachISA(t, func(t *testing.T) {
		g := &Graph{}
		q, k, at := g.Input(F32, N, Lq, d), g.Input(F32, N, Lk, d), g.Input(I64, Lq, U)
		data := opCase{shapes: [][]int{q.Shape, k.Shape, at.Shape}, at: []int64{4, 0, 1, 1, 3, 2}}.inputs(1)
		var want []float32
		for r := range N * Lq {
			most, sum := math.Inf(-1), 0.
			for j := range U {
				s := 0.
				for c := range d {
					s += float64(data[0][r*d+c]) * float64(data[1][(r/Lq*Lk+int(data[2][r%Lq*U+j]))*d+c])
				}
				most, sum = max(most, s), sum+s
			}
			want = append(want, float32(most-sum/Lk))
		}
		same(t, "sparsity", run(t, g, []*Tensor{q, k, at}, data, q.Sparsity(k, at))[0], want, 1e-6, 1)
	})
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
