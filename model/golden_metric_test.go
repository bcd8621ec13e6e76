package model

import (
	"math"
	"testing"
)

// Over all values that are there; the file has them by series, too.
func TestMetricsAgainstTheirReference(t *testing.T) {
	g := readGolden(t, "metrics_forecast")
	y, pred := g.floats(t, "y"), g.floats(t, "forecast")
	for _, m := range Metrics() {
		var sum, count float64
		for i, v := range y {
			if v == v {
				sum, count = sum+m.Point(float64(pred[i]), float64(v)), count+1
			}
		}
		want, ok := g.arrays["metric.all_"+m.Name].Data.([]float64)
		if !ok {
			t.Fatalf("the file has no value of %s", m.Name)
		}
		if got := m.Finish(sum / count); math.Abs(got-want[0]) > 1e-12*want[0] {
			t.Errorf("%s is %g, the reference has %g", m.Name, got, want[0])
		}
	}
}
