package model

import (
	"math"
	"testing"
)

// poolCases are pooling and interpolation, with windows that are cut off at either end.
var poolCases = []opCase{
	{name: "max pool", shapes: [][]int{{2, 3, 17}}, apart: true, build: func(in []*Tensor) *Tensor { return in[0].MaxPool(2, 2, 0, true) },
		want: poolWant(17, 9, 2, 2, 0, largestOf)},
	{name: "max pool in blocks", shapes: [][]int{{2, 301}}, perf: [][]int{{32 * 7, 336}}, apart: true, build: func(in []*Tensor) *Tensor { return in[0].MaxPool(2, 2, 0, true) },
		want: poolWant(301, 151, 2, 2, 0, largestOf)},
	{name: "max pool, padded", shapes: [][]int{{2, 400}}, apart: true, build: func(in []*Tensor) *Tensor { return in[0].MaxPool(5, 3, 2, false) },
		want: poolWant(400, 134, 5, 3, 2, largestOf)},
	{name: "average pool", shapes: [][]int{{2, 300}}, perf: [][]int{{32 * 7, 336}}, build: func(in []*Tensor) *Tensor { return in[0].AvgPool(2, 2, true) },
		want: poolWant(300, 150, 2, 2, 0, meanOf)},
	{name: "average pool, cut off", shapes: [][]int{{3, 22}}, build: func(in []*Tensor) *Tensor { return in[0].AvgPool(4, 4, true) },
		want: poolWant(22, 6, 4, 4, 0, meanOf)},
	{name: "average pool, overlapping", shapes: [][]int{{2, 210}}, build: func(in []*Tensor) *Tensor { return in[0].AvgPool(5, 3, false) },
		want: poolWant(210, 69, 5, 3, 0, meanOf)},
	{name: "interpolate, linear", shapes: [][]int{{2, 2, 3}}, build: func(in []*Tensor) *Tensor { return in[0].Interpolate("linear", 8) }},
	{name: "interpolate, cubic", shapes: [][]int{{2, 5}}, build: func(in []*Tensor) *Tensor { return in[0].Interpolate("cubic", 9) }},
	{name: "interpolate, nearest", shapes: [][]int{{2, 5}}, build: func(in []*Tensor) *Tensor { return in[0].Interpolate("nearest", 13) }},
}

func largestOf(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		m = max(m, x)
	}
	return m
}

func meanOf(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x
	}
	return s / float64(len(v))
}

func poolWant(n, out, kernel, stride, pad int, of func([]float64) float64) func(in [][]float32) []float64 {
	return func(in [][]float32) (y []float64) {
		for r := 0; r < len(in[0]); r += n {
			for j := range out {
				var v []float64
				for i := j*stride - pad; i < j*stride-pad+kernel; i++ {
					if i >= 0 && i < n {
						v = append(v, float64(in[0][r+i]))
					}
				}
				y = append(y, of(v))
			}
		}
		return y
	}
}

// Linear interpolation keeps a straight line between its ends, and every kind a constant.
func TestInterpolationKeepsLines(t *testing.T) {
	for _, mode := range Interpolations {
		for _, c := range [][2]int{{4, 16}, {5, 7}, {9, 6}, {1, 3}} {
			g := &Graph{}
			x := g.Input(F32, 2, c[0])
			data := make([]float32, 2*c[0])
			for i := range c[0] {
				data[i], data[c[0]+i] = 3, 2*float32(i)+1
			}
			got := run(t, g, []*Tensor{x}, [][]float32{data}, x.Interpolate(mode, c[1]))[0]
			for j := range c[1] {
				if v := float64(got[j]); math.Abs(v-3) > 1e-5 {
					t.Errorf("%s %v: element %d of a constant 3 is %g", mode, c, j, v)
				}
				at := (float64(j)+.5)*float64(c[0])/float64(c[1]) - .5
				if v := float64(got[c[1]+j]); mode == "linear" && at >= 0 && at <= float64(c[0]-1) && math.Abs(v-2*at-1) > 1e-5*v {
					t.Errorf("%s %v: element %d is %g, want %g", mode, c, j, v, 2*at+1)
				}
			}
		}
	}
}

func TestPoolsReject(t *testing.T) {
	for name, f := range map[string]func(x *Tensor){
		"kernel":  func(x *Tensor) { x.MaxPool(0, 1, 0, false) },
		"padding": func(x *Tensor) { x.MaxPool(2, 1, 2, false) },
		"room":    func(x *Tensor) { x.AvgPool(9, 1, false) },
		"mode":    func(x *Tensor) { x.Interpolate("spline", 4) },
	} {
		if err := Build(func() { f((&Graph{}).Input(F32, 2, 5)) }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
