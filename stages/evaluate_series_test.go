package stages

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/file"
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

func TestMetricsThatDoNotFit(t *testing.T) {
	for want, set := range map[string]string{
		`kge depends on the unit of the values: set evaluate.scale = "original"`: `evaluate.metrics=["kge"]`,
		"peak_timing needs one forecast of each step":                            `evaluate.metrics=["peak_timing"]`,
		"no metric \"nsee\"; did you mean \"nse\"":                               `evaluate.metrics=["nsee"]`,
		"mase_season = 100: must be below windows.lookback = 50":                 "train.mase_season=100",
	} {
		_, err := parseConfig("test", "[data]\npath = \"synth\"\n[windows]\nlookback = 50\n[train]\nloss = \"mase\"\n[[model]]\nnet = \"nlinear\"\n", []string{set})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", set, err, want)
		}
	}
}
