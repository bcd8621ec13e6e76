package model

import (
	"math"
	"slices"
)

// A Metric measures forecasts. Either it is made of quotients of sums over all
// values, found by a reduction (Terms), or it is one value a series (Series).
type Metric struct {
	Name string
	// Terms are its numbers for forecasts of such columns: quantiles has the quantile of each, 0 for the point forecast. None
	// where the columns do not hold what it measures.
	Terms func(quantiles []float64) []Term
	// Series is the metric of one series; NaN where it is not defined. Over
	// series it is their median.
	Series   func(s *Sample) float64
	Original bool // it depends on the unit of the values, so it needs the original one
	Apart    bool // it looks at neighbours in time, so each step must be forecast once
}

// A Term is one number of a metric: Finish of Σ value / Σ weight over all values.
type Term struct {
	Name string // the metric's, with the quantile or the level where it has one
	// At is what one value adds to the sums: cells are its forecasts, y the target, scale the mean seasonal difference of
	// its series (see [SeasonalScale]), all in one unit.
	At     func(cells []float64, y, scale float64) (value, weight float64)
	Finish func(mean float64) float64
}

// Metrics lists the metrics by name: means of forecasts first, then
// NeuralHydrology's of one series each.
func Metrics() []Metric { return slices.Concat(pointMetrics, quantileMetrics, seriesMetrics) }

// pointMetrics are means over all values of an error of the point forecast.
var pointMetrics = []Metric{
	meanError("mae", absolute, asIs),
	meanError("mse", square, asIs),
	meanError("rmse", square, math.Sqrt),
	meanError("mape", ratio, asIs),
	meanError("smape", symmetric, asIs),
	{Name: "mase", Terms: func(quantiles []float64) []Term { return []Term{{"mase", scaledError, asIs}} }},
}

// meanError is the metric of an error of the first column.
func meanError(name string, e func(pred, y float64) float64, finish func(mean float64) float64) Metric {
	at := func(cells []float64, y, _ float64) (float64, float64) { return e(cells[0], y), 1 }
	return Metric{Name: name, Terms: func([]float64) []Term { return []Term{{name, at, finish}} }}
}

func asIs(m float64) float64        { return m }
func absolute(p, y float64) float64 { return math.Abs(p - y) }
func square(p, y float64) float64   { return (p - y) * (p - y) }

// scaledError is |p − y| over the mean absolute seasonal difference of the series' train part (Hyndman and Koehler 2006, eq. 3);
// a series where that is 0 or not known does not count.
func scaledError(cells []float64, y, scale float64) (value, weight float64) {
	if !(scale > 0) {
		return 0, 0
	}
	return absolute(cells[0], y) / scale, 1
}

// SeasonalScale is the mean |y(i) − y(i − season)| where both are there, NaN where they nowhere are.
func SeasonalScale(y []float32, season int) float64 {
	var sum, n float64
	for i := season; i < len(y); i++ {
		if d := math.Abs(float64(y[i]) - float64(y[i-season])); d == d {
			sum, n = sum+d, n+1
		}
	}
	return sum / n
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
