package model

import (
	"math"
	"slices"
)

// A Metric is a mean over all forecast values, found by a global sum and count.
type Metric struct {
	Name   string
	Point  func(pred, y float64) float64
	Finish func(mean float64) float64 // of the mean of Point
}

// Metrics lists the metrics by name.
func Metrics() []Metric {
	same := func(m float64) float64 { return m }
	square := func(p, y float64) float64 { return (p - y) * (p - y) }
	return []Metric{
		{"mae", func(p, y float64) float64 { return math.Abs(p - y) }, same},
		{"mse", square, same},
		{"rmse", square, math.Sqrt},
	}
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
