package model

import "testing"

var gatherCases = []opCase{
	{name: "gather", shapes: [][]int{{40}, {2, 3}}, at: []int64{0, 10, 31, 3, 3, 7}, noGradient: "series and offsets are data",
		build: func(in []*Tensor) *Tensor { return in[0].Gather(in[1], 4, 5) }, want: gathered(0, 3, 4, 5), perf: [][]int{{20000}, {32, 7}}},
	{name: "gather rows", shapes: [][]int{{40}, {2, 3}}, at: []int64{0, 10, 31, 3, 3, 7}, noGradient: "series and offsets are data",
		build: func(in []*Tensor) *Tensor { return in[0].GatherRows(in[1], 1, 3, -3, 6) }, want: gathered(1, 3, -3, 6)},
}

// gathered is n values from the offsets from ≤ r < to of (2, 3) on, by shift.
func gathered(from, to, shift, n int) func(in [][]float32) []float64 {
	return func(in [][]float32) (y []float64) {
		for b := range 2 {
			for r := from; r < to; r++ {
				for i := range n {
					y = append(y, float64(in[0][int(in[1][b*3+r])+shift+i]))
				}
			}
		}
		return y
	}
}

func TestGatherPastTheEnd(t *testing.T) {
	g := &Graph{}
	series, at := g.Input(F32, 40), g.Input(I64, 2, 3)
	r, err := testCPU(t).Compile(g.Plan(align, series.Gather(at, 4, 5)), nil)
	must(t, err)
	for last, ok := range map[int64]bool{31: true, 32: false, -5: false} {
		must(t, r.WriteInts(at, []int64{0, 10, 31, 3, 3, last}))
		if err := r.Run(); (err == nil) != ok {
			t.Errorf("a window from %d on of a series of 40: error %v", last+4, err)
		}
	}
}
