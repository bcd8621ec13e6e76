package stages

import (
	"math"
	"testing"
	"time"
)

// TestSplitFractions checks the convention of the long-horizon benchmarks: int(n·train), int(n·test), the rest for validation
// (Zeng et al. 2023, data_loader.py, Dataset_Custom); the counts are of their data sets.
func TestSplitFractions(t *testing.T) {
	for _, c := range []struct {
		f    []float64
		n    int
		want [3]int
	}{
		{[]float64{.7, .1, .2}, 26304, [3]int{18412, 26304 - 5260, 26304}},  // electricity
		{[]float64{.7, .1, .2}, 17544, [3]int{12280, 17544 - 3508, 17544}},  // traffic
		{[]float64{.7, .1, .2}, 52696, [3]int{36887, 52696 - 10539, 52696}}, // weather
		{[]float64{.7, .1, .2}, 966, [3]int{676, 966 - 193, 966}},           // illness
		{[]float64{.7, .1, .2}, 10, [3]int{7, 8, 10}},
		{[]float64{.6, .2, .2}, 100, [3]int{60, 80, 100}},
		{[]float64{.29, .29, .42}, 100, [3]int{29, 58, 100}}, // 0.29·100 is 28.999999999999996
		{[]float64{.5, .2, .1}, 100, [3]int{50, 70, 80}},     // the rest is not used
		{[]float64{.7, .1, .2}, 1, [3]int{0, 1, 1}},
	} {
		if got := (Split{Fractions: c.f}).bounds(c.n, nil); got != c.want {
			t.Errorf("%v of %d steps: %v, want %v", c.f, c.n, got, c.want)
		}
	}
}

func TestSplitRows(t *testing.T) {
	for _, c := range []struct {
		r    []int
		n    int
		want [3]int
	}{
		{[]int{8640, 2880, 2880}, 17420, [3]int{8640, 11520, 14400}},
		{[]int{5, 3, 2}, 10, [3]int{5, 8, 10}},
		{[]int{5, 3, 9}, 10, [3]int{5, 8, 10}},
		{[]int{50, 3, 9}, 10, [3]int{10, 10, 10}},
		{[]int{5, math.MaxInt, math.MaxInt}, 10, [3]int{5, 10, 10}},
	} {
		if got := (Split{Rows: c.r}).bounds(c.n, nil); got != c.want {
			t.Errorf("%v of %d steps: %v, want %v", c.r, c.n, got, c.want)
		}
	}
}

func TestSplitDates(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2020, 1, d, 0, 0, 0, 0, time.UTC) }
	hour := func(t int) time.Time { return day(1).Add(time.Duration(t) * time.Hour) }
	for _, c := range []struct {
		dates []time.Time
		n     int
		want  [3]int
	}{
		{[]time.Time{day(3), day(5)}, 200, [3]int{48, 96, 200}},
		{[]time.Time{day(3), day(5), day(6)}, 200, [3]int{48, 96, 120}},
		{[]time.Time{day(3).Add(time.Minute), day(5), day(6)}, 200, [3]int{49, 96, 120}},
		{[]time.Time{day(3), day(5), day(30)}, 200, [3]int{48, 96, 200}},
		{[]time.Time{day(20), day(21), day(30)}, 200, [3]int{200, 200, 200}},
		{[]time.Time{day(1), day(2)}, 200, [3]int{0, 24, 200}},
	} {
		if got := (Split{Dates: c.dates}).bounds(c.n, hour); got != c.want {
			t.Errorf("%v: %v, want %v", c.dates, got, c.want)
		}
	}
}

func TestSplitDateForms(t *testing.T) {
	want := Split{Dates: []time.Time{time.Date(2017, 6, 26, 0, 0, 0, 0, time.UTC), time.Date(2017, 10, 24, 13, 30, 0, 0, time.UTC)}}
	for _, text := range []string{
		`["2017-06-26", "2017-10-24 13:30"]`, `["2017-06-26 00:00:00", "2017-10-24T13:30:00"]`, `[2017-06-26, 2017-10-24T13:30:00]`,
		`[2017-06-26T02:00:00+02:00, "2017-10-24T15:30:00+02:00"]`, `[2017-06-26T00:00:00Z, 2017-10-24 13:30:00]`,
	} {
		got := mustParse(t, synthText, "data.split="+text).Data.Split
		if len(got.Dates) != 2 || !got.Dates[0].Equal(want.Dates[0]) || !got.Dates[1].Equal(want.Dates[1]) {
			t.Errorf("%s: %v", text, got)
		}
	}
}
