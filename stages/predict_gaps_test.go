package stages

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// Where recent values are missing, predict forecasts what the run's test did at the same step: what fills a gap does not count in a
// window's scale. A loss of counts is no hindrance behind another model's forecasts, nor is a model whose training failed.
func TestPredictBehindGaps(t *testing.T) {
	const step = 1400
	cfg := small(t, "data.path="+gappy(t, 1500), "data.scaler=none", "model.0.scaler=standard", "model.1.train.loss=poisson", "evaluate.scale=original", "intervals.levels=[80]")
	bad := cfg.Models[0]
	bad.Name, bad.Train.LR = "lost", 1e30
	bad.Train.ValEvery = 50
	cfg.Models = append(cfg.Models, bad)
	res, err := runOn(t, 2, cfg)
	if err == nil || !strings.Contains(err.Error(), "model lost") {
		t.Fatal(err)
	}
	want := forecastsAt(t, res.Dir, step-1)
	for _, n := range []int{1, 2} {
		rows, err := predictRows(t, n, res.Dir, PredictOptions{Data: gappy(t, step)})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(rows[0][2:], " ") != "nlinear nlinear-lo-80 nlinear-hi-80 dlinear dlinear-lo-90 dlinear-lo-80 dlinear-median dlinear-hi-80 dlinear-hi-90" {
			t.Fatal(rows[0])
		}
		for _, r := range rows[1:] {
			for k, name := range rows[0][2:] {
				got, _ := strconv.ParseFloat(r[2+k], 64)
				w, ok := want[r[0]+" "+r[1]+" "+name]
				if !ok || !(math.Abs(got-w) < 1e-4*(1+math.Abs(got))) {
					t.Errorf("%d ranks: %s at %s, %s: %g, the run has %g", n, r[0], r[1], name, got, w)
				}
			}
		}
	}
}
