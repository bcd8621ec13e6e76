package model

import (
	"slices"
	"testing"
)

func TestBaselines(t *testing.T) {
	d := Data{Past: []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}
	w := plainWindows{0, 2, 1, 12}
	got := make([]float32, 6)
	must(t, RepeatLast(d, 5, 3, 1).Predict(got, w, 0, 2))
	if !slices.Equal(got, []float32{4, 4, 4, 5, 5, 5}) {
		t.Fatal("repeat last:", got)
	}
	f, err := SeasonalNaive(d, 5, 3, 1, 2)
	must(t, err)
	must(t, f.Predict(got, w, 0, 2))
	if !slices.Equal(got, []float32{3, 4, 3, 4, 5, 4}) {
		t.Fatal("seasonal naive:", got)
	}
	if _, err := SeasonalNaive(d, 5, 3, 1, 6); err == nil {
		t.Fatal("a season longer than the lookback was accepted")
	}
}
