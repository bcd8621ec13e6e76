package stages

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/file"

	"deeprc/model"
)

// Quantiles become columns, and metrics of each series are the same on any number of ranks.
func TestQuantilesAndMetricsOfSeries(t *testing.T) {
	cfg := small(t, "train.loss=mqloss", "train.levels=[80]", `evaluate.metrics=["mae", "nse", "kge", "fhv", "peak_timing"]`,
		"evaluate.scale=original", "windows.stride=24", "model.1.train.loss=normal", `evaluate.baselines=["repeat_last"]`)
	one := mustRun(t, 1, cfg)
	text, err := os.ReadFile(filepath.Join(one.Dir, "metrics_series.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 1+3*3 || lines[0] != "unique_id,model,mae,nse,kge,fhv,peak_timing" {
		t.Fatalf("metrics_series.csv:\n%s", text)
	}
	for name, ms := range one.Metrics {
		if v, ok := ms["nse"]; !ok || math.IsNaN(v) || v > 1 || math.IsNaN(ms["nse_mean"]) {
			t.Errorf("%s: metrics %v", name, ms)
		}
	}
	three := mustRun(t, 3, cfg)
	for metric, want := range one.Metrics["repeat_last"] {
		if got := three.Metrics["repeat_last"][metric]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("3 ranks: %s is %g, with one rank %g", metric, got, want)
		}
	}
	f, err := file.OpenParquetFile(filepath.Join(three.Dir, "forecasts.parquet"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for i := range f.MetaData().Schema.NumColumns() {
		names = append(names, f.MetaData().Schema.Column(i).Name())
	}
	want := "unique_id ds cutoff y nlinear nlinear-lo-80 nlinear-median nlinear-hi-80 dlinear dlinear-lo-80 dlinear-median dlinear-hi-80 repeat_last"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
}

// Quantile metrics are the same on any number of ranks, and models without quantiles have none.
func TestQuantileMetrics(t *testing.T) {
	cfg := small(t, "model.0.train.loss=mqloss", "train.levels=[80, 50]", "evaluate.scale=original", "evaluate.forecasts=false", "train.mase_season=24",
		`evaluate.metrics=["mae", "mase", "quantile_loss", "mqloss", "scaled_crps", "coverage", "width", "nse"]`, `evaluate.baselines=["seasonal_naive"]`)
	one, three := mustRun(t, 1, cfg), mustRun(t, 3, cfg)
	var file metricsFile
	readJSON(t, filepath.Join(three.Dir, "metrics.json"), &file)
	for _, name := range []string{"mae", "mase", "quantile_loss_0.1", "quantile_loss_0.25", "quantile_loss_0.5", "quantile_loss_0.9", "mqloss",
		"scaled_crps", "coverage_50", "coverage_80", "width_50", "width_80"} {
		a, b := one.Metrics["nlinear"][name], three.Metrics["nlinear"][name]
		if !(a > 0) || math.Abs(a-b) > 1e-2*a || file.Test["nlinear"][name] == nil {
			t.Errorf("%s is %g, on three ranks %g", name, a, b)
		}
		_, has := one.Metrics["seasonal_naive"][name]
		if has != (name == "mae" || name == "mase") {
			t.Errorf("%s of a naive forecast: %v", name, has)
		}
	}
	ms := one.Metrics["nlinear"]
	if ms["coverage_80"] > 1 || math.Abs(ms["quantile_loss_0.5"]-ms["mae"]/2) > 1e-4*ms["mae"] {
		t.Errorf("metrics %v", ms)
	}
	if v := one.Metrics["seasonal_naive"]["mase"]; v != three.Metrics["seasonal_naive"]["mase"] || v < .3 || v > 3 {
		t.Errorf("MASE of the seasonal naive forecast %g", v)
	}
	text, err := os.ReadFile(filepath.Join(one.Dir, "metrics_series.csv"))
	if err != nil || !strings.HasPrefix(string(text), "unique_id,model,mae,mase,quantile_loss_0.1,") {
		t.Errorf("%v\n%.200s", err, text)
	}
}

// Any metric is measured of each series where that is asked for, the same on any number of ranks.
func TestMetricsBySeries(t *testing.T) {
	cfg := small(t, "evaluate.by_series=true", `evaluate.metrics=["mae", "rmse"]`, `evaluate.baselines=["repeat_last"]`, "evaluate.forecasts=false")
	one, three := mustRun(t, 1, cfg), mustRun(t, 3, cfg)
	text, err := os.ReadFile(filepath.Join(one.Dir, "metrics_series.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if cells := strings.Split(line, ","); cells[1] == "repeat_last" {
			v, err := strconv.ParseFloat(cells[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
	}
	ms := one.Metrics["repeat_last"]
	if len(values) != 3 || math.Abs(ms["mae_series_mean"]-mean(values)) > 1e-12 || ms["mae_series_median"] != model.Median(values) || ms["rmse_series_mean"] == 0 {
		t.Errorf("of %v: %v", values, ms)
	}
	for name, want := range ms {
		if got := three.Metrics["repeat_last"][name]; got != want {
			t.Errorf("3 ranks: %s is %g, with one rank %g", name, got, want)
		}
	}
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

func TestMetricsThatDoNotFit(t *testing.T) {
	for want, set := range map[string]string{
		`kge depends on the unit of the values: set evaluate.scale = "original"`: `evaluate.metrics=["kge"]`,
		"peak_timing needs one forecast of each step":                            `evaluate.metrics=["peak_timing"]`,
		"no metric \"nsee\"; did you mean \"nse\"":                               `evaluate.metrics=["nsee"]`,
		"coverage measures quantiles, which no model forecasts":                  `evaluate.metrics=["coverage"]`,
		"mase_season = 100: must be below windows.lookback = 50":                 "train.mase_season=100",
	} {
		_, err := parseConfig("test", "[data]\npath = \"synth\"\n[windows]\nlookback = 50\n[train]\nloss = \"mase\"\n[[model]]\nnet = \"nlinear\"\n", []string{set})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", set, err, want)
		}
	}
}
