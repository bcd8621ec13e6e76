package stages

import (
	"math"
	"testing"

	"deeprc/model"
)

func TestDeviations(t *testing.T) {
	nan := float32(math.NaN())
	s := &Series{Groups: []Group{
		{Start: []int64{0, 4}, N: 4, Bounds: [3]int{3, 4, 4}},
		{Start: []int64{8}, N: 2, Bounds: [3]int{2, 2, 2}},
	}, Data: model.Data{Target: []float32{1, nan, 3, 100, nan, nan, nan, 5, -2, -2}}}
	of := s.deviations()
	for at, want := range []float32{1, 1, 1, 1, 0, 0, 0, 0, 0, 0} {
		if got := of(int64(at)); got != want {
			t.Errorf("the series of element %d has deviation %g, want %g", at, got, want)
		}
	}
	if got := deviation([]float32{2, 4, 4, 4, 5, 5, 7, 9}); got != 2 {
		t.Errorf("deviation %g, want 2", got)
	}
}
