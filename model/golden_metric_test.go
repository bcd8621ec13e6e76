package model

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Over all values that are there.
func TestMetricsAgainstTheirReference(t *testing.T) {
	g := readGolden(t, "metrics_forecast")
	y, pred := g.floats(t, "y"), g.floats(t, "forecast")
	for _, m := range Metrics() {
		if m.Series != nil {
			continue
		}
		want, ok := g.arrays["metric.all_"+m.Name].Data.([]float64)
		if !ok {
			t.Fatalf("the file has no value of %s", m.Name)
		}
		if got := m.Of(sample(y, pred, 0)); math.Abs(got-want[0]) > 1e-12*want[0] {
			t.Errorf("%s is %g, the reference has %g", m.Name, got, want[0])
		}
	}
}

// Series by series, to 1e-9 of the value.
func TestSeriesMetricsAgainstTheirReference(t *testing.T) {
	g := readGolden(t, "metrics_hydrology")
	obs, sim := g.floats(t, "obs"), g.floats(t, "sim")
	n := g.arrays["obs"].Shape[1]
	for name, a := range g.arrays {
		if len(name) < 7 || name[:7] != "metric." {
			continue
		}
		m, ok := FindMetric(name[7:])
		if !ok {
			t.Errorf("no metric %s", name[7:])
			continue
		}
		for i, want := range a.Data.([]float64) {
			got := m.Of(sample(obs[i*n:][:n], sim[i*n:][:n], 0))
			if math.IsNaN(got) != math.IsNaN(want) && !math.IsInf(want, 0) || math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
				t.Errorf("%s of series %d is %g, the reference has %g", m.Name, i, got, want)
			}
		}
	}
}

func TestNNSE(t *testing.T) {
	s := sample([]float32{1, 2, 3}, []float32{1, 2, 4}, 0)
	nse, _ := FindMetric("nse")
	nnse, _ := FindMetric("nnse")
	if a, b := nse.Of(s), nnse.Of(s); a != .5 || math.Abs(b-1/1.5) > 1e-15 {
		t.Errorf("NSE %g, NNSE %g", a, b)
	}
	if v := Median([]float64{3, math.NaN(), 1, 2, 10}); v != 2.5 {
		t.Errorf("median %g", v)
	}
}

// All metrics of 482 series of ten years.
func BenchmarkSeriesMetrics(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	obs, sim := make([]float32, 3652), make([]float32, 3652)
	for b.Loop() {
		for range 482 {
			for i := range obs {
				obs[i], sim[i] = rnd.Float32(), rnd.Float32()
			}
			s := sample(obs, sim, 0)
			for _, m := range Metrics() {
				m.Of(s)
			}
		}
	}
}

// sample is a Sample of values one step apart.
func sample(obs, sim []float32, halfDay int) *Sample {
	steps := make([]int, len(obs))
	for i := range steps {
		steps[i] = i
	}
	return NewSample(steps, obs, sim, halfDay)
}
