package model

import (
	"math"
	"slices"
)

// over is f of the elements of a (2, 3, 4, 5) that share an index of the result, whose axes that stay are kept.
func over(kept [4]bool, f func(x []float64) float64) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		var groups [][]float64
		place := map[int]int{}
		for i, v := range in[0] {
			at := [4]int{i / 60, i / 20 % 3, i / 5 % 4, i % 5}
			key := 0
			for a, k := range at {
				if key *= 8; kept[a] {
					key += k
				}
			}
			if _, ok := place[key]; !ok {
				place[key] = len(groups)
				groups = append(groups, nil)
			}
			groups[place[key]] = append(groups[place[key]], float64(v))
		}
		var y []float64
		for _, g := range groups {
			y = append(y, f(g))
		}
		return y
	}
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func mean(x []float64) float64 { return sum(x) / float64(len(x)) }

func variance(x []float64) (s float64) {
	m := mean(x)
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return s / float64(len(x)-1)
}

func reduceCase(name string, kept [4]bool, want func([]float64) float64, build func(x *Tensor) *Tensor) opCase {
	return opCase{name: name, shapes: [][]int{{2, 3, 4, 5}}, want: over(kept, want), apart: name[0] == 'm', build: func(in []*Tensor) *Tensor { return build(in[0]) }, perf: [][]int{{8, 8, 96, 128}}}
}

var reduceCases = []opCase{
	reduceCase("sum", [4]bool{}, sum, func(x *Tensor) *Tensor { return x.Sum() }),
	reduceCase("sum last", [4]bool{true, true, true}, sum, func(x *Tensor) *Tensor { return x.Sum(-1).Squeeze(-1) }),
	reduceCase("sum first", [4]bool{false, true, true, true}, sum, func(x *Tensor) *Tensor { return x.Sum(0) }),
	reduceCase("sum middle", [4]bool{true, false, false, true}, sum, func(x *Tensor) *Tensor { return x.Sum(2, 1).Squeeze(1, 2) }),
	reduceCase("mean apart", [4]bool{false, true, false, true}, mean, func(x *Tensor) *Tensor { return x.Mean(0, 2) }),
	reduceCase("max apart", [4]bool{false, true, true, false}, slices.Max[[]float64], func(x *Tensor) *Tensor { return x.Max(0, 3) }),
	reduceCase("min last", [4]bool{true, true, true}, slices.Min[[]float64], func(x *Tensor) *Tensor { return x.Min(3) }),
	reduceCase("max middle", [4]bool{true, false, true, true}, slices.Max[[]float64], func(x *Tensor) *Tensor { return x.Max(1) }),
	reduceCase("var", [4]bool{true, false, true}, variance, func(x *Tensor) *Tensor { return x.Var(1, 1, -1) }),
	{name: "sum rows", shapes: [][]int{{300, 131}}, build: func(in []*Tensor) *Tensor { return in[0].Sum(0).Slice(1, 60, 80) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 20)
			for i, v := range in[0] {
				if c := i % 131; c >= 60 && c < 80 {
					y[c-60] += float64(v)
				}
			}
			return y
		}},
	{name: "sum columns", shapes: [][]int{{4, 35}}, build: func(in []*Tensor) *Tensor { return in[0].Sum(1) },
		want: func(in [][]float32) []float64 {
			y := make([]float64, 4)
			for i, v := range in[0] {
				y[i/35] += float64(v)
			}
			return y
		}},
	{name: "max of equal ones", shapes: [][]int{{1}}, build: func(in []*Tensor) *Tensor { return in[0].Expand(3, 4).Max(1) },
		want: func(in [][]float32) []float64 { return slices.Repeat([]float64{float64(in[0][0])}, 3) }},
	{name: "expand", shapes: [][]int{{3, 1, 2}}, build: func(in []*Tensor) *Tensor { return in[0].Expand(2, 3, 4, 2) },
		want: func(in [][]float32) (y []float64) {
			for i := range 48 {
				y = append(y, float64(in[0][i/8%3*2+i%2]))
			}
			return y
		}},
	{name: "largest of NaN", shapes: [][]int{{2}}, build: func(in []*Tensor) *Tensor {
		nan := in[0].g.Const(float32(math.NaN()), 1)
		m := Concat(0, in[0], nan).Max() // NaN ≠ NaN
		return in[0].Add(m.Equal(m))
	}, want: each(func(x float64) float64 { return x })},
}
