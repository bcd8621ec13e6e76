package stages

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Quantiles of {ŷ − e, ŷ + e}, and ŷ ± quantile of e, as NumPy's quantile has them.
func TestConformalOffsets(t *testing.T) {
	for _, c := range []struct {
		method string
		q      float64
		errs   []float64
		want   float64
	}{
		{"conformal_error", .9, []float64{3, 1}, 2.6}, // numpy.quantile([1, 3], .8)
		{"conformal_error", .1, []float64{3, 1}, -2.6},
		{"conformal_error", .75, []float64{1, 2, 4}, 2},
		{"conformal_distribution", .9, []float64{3, 1}, 2.4}, // numpy.quantile([-3, -1, 1, 3], .9)
		{"conformal_distribution", .1, []float64{3, 1}, -2.4},
		{"conformal_distribution", .9, nil, math.NaN()},
		{"conformal_error", .9, nil, math.NaN()},
	} {
		got := IntervalsConfig{Method: c.method}.offset(c.q, slices.Clone(c.errs))
		if !(math.Abs(got-c.want) < 1e-12) && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%s of %v at %g: %g, want %g", c.method, c.errs, c.q, got, c.want)
		}
	}
}

// The intervals of a run do not depend on the number of ranks nor on what the test part holds, nest, and hold the point forecast.
func TestConformalIntervals(t *testing.T) {
	run := func(n, from int, sets ...string) (models []string, values [][]float32) {
		cfg := small(t, append([]string{"data.path=" + ramps(t, 300, from), "windows.lookback=21", "windows.horizon=4", "train.steps=20", "evaluate.plots=0",
			"evaluate.baselines=[]", "model.1.train.loss=mqloss", "train.levels=[80]", "intervals.levels=[80, 50]", "intervals.n_windows=3",
			`evaluate.metrics=["mae", "coverage"]`}, sets...)...)
		_, models, values = rowsOf(t, filepath.Join(mustRun(t, n, cfg).Dir, "forecasts.parquet"))
		return models, values
	}
	for _, method := range []string{"conformal_error", "conformal_distribution"} {
		models, one := run(1, 300, "intervals.method="+method)
		if got := strings.Join(models, " "); got != "nlinear nlinear-lo-80 nlinear-lo-50 nlinear-hi-50 nlinear-hi-80 dlinear dlinear-lo-80 dlinear-median dlinear-hi-80" {
			t.Fatalf("columns %s", got)
		}
		some := false
		for i := range one[0] {
			order := []float32{one[1][i], one[2][i], one[0][i], one[3][i], one[4][i]}
			if math.IsNaN(float64(order[0])) {
				continue
			}
			some = true
			if !slices.IsSorted(order) {
				t.Fatalf("%s, row %d: %v", method, i, order)
			}
		}
		if !some {
			t.Fatal("no intervals")
		}
		_, three := run(3, 300, "intervals.method="+method)
		_, other := run(1, 290, "intervals.method="+method)
		for k := range 5 {
			for i := range one[k] {
				if d := math.Abs(float64(three[k][i] - one[k][i])); d > 1e-3 {
					t.Fatalf("%s, row %d, column %d: %g on three ranks, %g on one", method, i, k, three[k][i], one[k][i])
				}
				a, b := float64(one[k][i]-one[0][i]), float64(other[k][i]-other[0][i])
				if math.Abs(a-b) > 1e-3 {
					t.Fatalf("%s, row %d, column %d: the interval is %g from the forecast, with another test part %g", method, i, k, a, b)
				}
			}
		}
	}
}

// What predict writes around a forecast is as far from it as in the run, for the steps that the models forecast; a model's own quantiles go on behind them.
func TestPredictWritesIntervals(t *testing.T) {
	res := mustRun(t, 1, small(t, "data.path="+waves(t, 1500), "model.1.train.loss=mqloss", "train.levels=[80]", "intervals.levels=[80]", "train.steps=20"))
	rows, err := predictRows(t, 1, res.Dir, PredictOptions{Data: waves(t, 1500), Horizon: 30})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(rows[0], " ") != "unique_id ds nlinear nlinear-lo-80 nlinear-hi-80 dlinear dlinear-lo-80 dlinear-median dlinear-hi-80" {
		t.Fatal(rows[0])
	}
	_, _, run := rowsOf(t, filepath.Join(res.Dir, "forecasts.parquet"))
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for i, r := range rows[1:] {
		for k := 2; k < len(r); k++ {
			if empty := i%30 >= 24 && (k == 3 || k == 4); (r[k] == "") != empty {
				t.Fatalf("row %d, column %s: %q", i, rows[0][k], r[k])
			}
		}
		if i < 24 { // of series a, as the run's first window
			got, want := number(r[4])-number(r[2]), float64(run[2][i]-run[0][i])
			if math.Abs(got-want) > 1e-4*(1+want) {
				t.Errorf("step %d: the interval ends %g above the forecast, in the run %g", i, got, want)
			}
		}
	}
}

func TestConformalConfig(t *testing.T) {
	for text, want := range map[string]string{
		"intervals.levels=[80, 80]":     "intervals.levels = [80 80]: want different percents between 0 and 100",
		"intervals.method=jackknife":    `intervals.method = "jackknife": want conformal_distribution or conformal_error`,
		"intervals.n_windows=1":         "intervals.n_windows = 1: want 2 to 65536",
		`evaluate.metrics=["coverage"]`: "evaluate.metrics: coverage measures quantiles, which no model forecasts: set train.loss to mqloss or a distribution, or intervals.levels",
	} {
		_, err := parseConfig("t.toml", "[data]\npath = \"synth\"\n[[model]]\nnet = \"nlinear\"\n", []string{text})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
