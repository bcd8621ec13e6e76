package model

import (
	"math"
	"slices"
)

// A Metric measures forecasts. Either it is a mean over all values, found by a
// global sum and count, or it is one value a series (Series is not nil).
type Metric struct {
	Name   string
	Point  func(pred, y float64) float64
	Finish func(mean float64) float64 // of the mean of Point
	// Series is the metric of one series; NaN where it is not defined. Over
	// series it is their median.
	Series   func(s *Sample) float64
	Original bool // it depends on the unit of the values, so it needs the original one
	Apart    bool // it looks at neighbours in time, so each step must be forecast once
}

// Metrics lists the metrics by name: means of forecasts first, then
// NeuralHydrology's of one series each.
func Metrics() []Metric {
	same := func(m float64) float64 { return m }
	square := func(p, y float64) float64 { return (p - y) * (p - y) }
	return append([]Metric{
		{Name: "mae", Point: func(p, y float64) float64 { return math.Abs(p - y) }, Finish: same},
		{Name: "mse", Point: square, Finish: same},
		{Name: "rmse", Point: square, Finish: math.Sqrt},
		{Name: "mape", Point: ratio, Finish: same},
		{Name: "smape", Point: symmetric, Finish: same},
	}, seriesMetrics...)
}

// ratio is |p − y| / |y|, 0 where y is: those values count, as NeuralForecast's MAPE has it.
func ratio(p, y float64) float64 {
	if y == 0 {
		return 0
	}
	return math.Abs(p-y) / math.Abs(y)
}

// symmetric is 2|p − y| / (|p| + |y|), 0 where both are.
func symmetric(p, y float64) float64 {
	if s := math.Abs(p) + math.Abs(y); s != 0 {
		return 2 * math.Abs(p-y) / s
	}
	return 0
}

// MetricNames are the names that FindMetric knows.
func MetricNames() []string {
	var names []string
	for _, m := range Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// FindMetric is the metric of that name.
func FindMetric(name string) (Metric, bool) {
	i := slices.IndexFunc(Metrics(), func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return Metric{}, false
	}
	return Metrics()[i], true
}

// Of is the metric of one series: Series, or the mean over its values.
func (m Metric) Of(s *Sample) float64 {
	if m.Series != nil {
		return m.Series(s)
	}
	var sum float64
	for i, y := range s.Obs {
		sum += m.Point(s.Sim[i], y)
	}
	return m.Finish(sum / float64(len(s.Obs)))
}

// Quantile is the q-quantile of one or more ascending values, between two of them by linear interpolation (Hyndman and Fan
// 1996, type 7, as NumPy does); of descending ones that of 1 − q.
func Quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Median is the median of the values that are not NaN, NaN where there is none.
func Median(values []float64) float64 {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(v)
	if n := len(v); n > 0 {
		return (v[(n-1)/2] + v[n/2]) / 2
	}
	return math.NaN()
}

// Mean is the mean of the values that are not NaN, NaN where there is none.
func Mean(values []float64) float64 {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	return average(v)
}
