package stages

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ramps is a long table of whole-numbered times: series a of n rows, b of n − 5, c of 28, which has no lookback before the first cutoff; after from, values are others.
func ramps(t *testing.T, n, from int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("unique_id,ds,y\n")
	for _, s := range []struct {
		id   string
		rows int
	}{{"a", n}, {"b", n - 5}, {"c", 28}} {
		for i := range s.rows {
			v := fmt.Sprintf("%.4f", math.Sin(float64(i)/3)+float64(i%7))
			if s.id == "a" && i >= from {
				v = "50"
			}
			if s.id == "b" && i == s.rows-2 {
				v = ""
			}
			fmt.Fprintf(&b, "%s,%d,%s\n", s.id, i, v)
		}
	}
	path := filepath.Join(t.TempDir(), "ramps.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func crossConfig(t *testing.T, path string, sets ...string) *Config {
	return small(t, append([]string{"data.path=" + path, "windows.lookback=21", "windows.horizon=4", "cv.n_windows=3", "cv.step_size=2", "train.steps=20",
		"evaluate.forecasts=false", "evaluate.plots=0", `evaluate.baselines=["repeat_last"]`, "model.1.train.loss=mqloss", "train.levels=[80]",
		`evaluate.metrics=["mae", "rmse", "coverage", "nse"]`}, sets...)...)
}

// Cutoffs count back from the end of each series, what was fitted never saw what it forecasts, and refit says when it was fitted.
func TestCrossValidation(t *testing.T) {
	run := func(n int, sets ...string) (string, []string, [][]float32) {
		dir := mustRun(t, n, crossConfig(t, ramps(t, 300, 300), sets...)).Dir
		keys, models, values := rowsOf(t, filepath.Join(dir, "cross_validation.parquet"))
		if got := strings.Join(models, " "); got != "nlinear dlinear dlinear-lo-80 dlinear-median dlinear-hi-80 repeat_last" {
			t.Fatalf("columns %s", got)
		}
		return dir, keys, values
	}
	dir, keys, once := run(1, "cv.refit=false")
	var want []string
	for i := range 3 {
		for _, s := range []struct {
			id   string
			rows int
		}{{"a", 300}, {"b", 295}} {
			cutoff := s.rows - 8 + 2*i - 1
			for k := range 4 {
				want = append(want, fmt.Sprintf("%s %d %d", s.id, cutoff+1+k, cutoff))
			}
		}
	}
	for i, k := range keys {
		if i >= len(want) || !strings.HasPrefix(k, want[i]+" ") {
			t.Fatalf("row %d is %s", i, k)
		}
		if strings.Contains(k, "(null)") != strings.HasPrefix(k, "b 293 ") {
			t.Errorf("row %s", k)
		}
	}
	if len(keys) != len(want) {
		t.Fatalf("%d rows, want %d", len(keys), len(want))
	}
	var file cvFile
	readJSON(t, filepath.Join(dir, "cross_validation.json"), &file)
	_, _, again := run(3, "cv.refit=false")
	_, _, every := run(1, "cv.refit=true")
	_, _, second := run(1, "cv.refit=2")
	var abs, n float64
	for m := range once {
		for i := range want {
			if d := math.Abs(float64(once[m][i] - again[m][i])); d > 1e-3 {
				t.Fatalf("column %d, row %s: three ranks differ by %g", m, keys[i], d)
			}
			if (every[m][i] == once[m][i]) != (i < 8 || m == 5) || second[m][i] != once[m][i] && i < 16 || second[m][i] != every[m][i] && i >= 16 {
				t.Fatalf("column %d, row %s: %g once, %g every time, %g every second time", m, keys[i], once[m][i], every[m][i], second[m][i])
			}
			var y float64
			if k, _ := fmt.Sscan(strings.Fields(keys[i])[3], &y); k == 1 && m == 0 {
				_, std := meanOf(t, dir, keys[i][:1])
				abs, n = abs+math.Abs(float64(once[0][i])-y)/std, n+1
			}
		}
	}
	if got := file.Metrics["nlinear"]["mae"]; got == nil || n != 23 || math.Abs(*got-abs/n) > 1e-5 {
		t.Errorf("MAE of %g targets is %v, the table has %g", n, got, abs/n)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cross_validation.csv"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err != nil || len(lines) != 1+3*3 || lines[0] != "window,cutoff,model,mae,rmse,coverage_80,nse" || !strings.HasPrefix(lines[1], "1,,nlinear,") {
		t.Errorf("%v\n%s", err, text)
	}
	// What comes after the first cutoff is not seen at it.
	other := mustRun(t, 1, crossConfig(t, ramps(t, 300, 292))).Dir
	_, _, changed := rowsOf(t, filepath.Join(other, "cross_validation.parquet"))
	for m := range once {
		if !slices.Equal(changed[m][:8], once[m][:8]) || changed[m][8] == once[m][8] {
			t.Errorf("column %d: the first cutoff forecasts %v, before the change %v", m, changed[m][:9], once[m][:9])
		}
	}
}

// meanOf is a run's scaler of a series.
func meanOf(t *testing.T, dir, series string) (mean, std float64) {
	var file modelFile
	readJSON(t, filepath.Join(dir, "model.json"), &file)
	for _, c := range file.Channels {
		if c.Name == series {
			return c.Mean, c.Std
		}
	}
	t.Fatalf("no series %q", series)
	return 0, 0
}

// A wide table has one time for a cutoff; a model that diverges leaves NaN, and the others their results.
func TestCrossValidationOfWideTable(t *testing.T) {
	cfg := small(t, "data.path="+waves(t, 600), "cv.n_windows=2", "cv.step_size=24", "evaluate.forecasts=false", "evaluate.plots=0", "model.0.train.lr=1e30")
	res, err := runOn(t, 2, cfg)
	if err == nil || !strings.Contains(err.Error(), "cv, cutoff 1: model nlinear") {
		t.Fatalf("error %v", err)
	}
	text, err := os.ReadFile(filepath.Join(res.Dir, "cross_validation.csv"))
	if err != nil || !strings.Contains(string(text), "\n1,551,nlinear,,\n1,551,dlinear,0.") || !strings.Contains(string(text), "\n2,575,repeat_last,") {
		t.Errorf("%v\n%s", err, text)
	}
	_, _, values := rowsOf(t, filepath.Join(res.Dir, "cross_validation.parquet"))
	if v := values[0][0]; v == v {
		t.Errorf("the model that failed forecasts %g", v)
	}
}

func TestCrossValidationErrors(t *testing.T) {
	for want, set := range map[string]string{
		"cv.refit = 0: want true, false, or a number": "cv.refit=0", "cv.refit = yes": "cv.refit=yes", "cv.step_size = 0": "cv.step_size=0", "cv.n_windows = -1": "cv.n_windows=-1",
	} {
		_, err := parseConfig("test", "[data]\npath = \"synth\"\n[[model]]\nnet = \"nlinear\"\n", []string{set})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", set, err, want)
		}
	}
	_, err := runOn(t, 2, crossConfig(t, ramps(t, 300, 300), "cv.n_windows=100"))
	if err == nil || !strings.Contains(err.Error(), "the first cutoff of a is step 98, in the train part of 210 steps") {
		t.Errorf("error %v", err)
	}
}

// Intervals of a cutoff are made of the errors at earlier cutoffs, of targets before it, and what predict gets is made of all of them.
func TestCrossValidationHasIntervals(t *testing.T) {
	const h, step, cutoffs = 4, 2, 4
	run := func(n int) (string, []string, []string, [][]float32) {
		cfg := crossConfig(t, ramps(t, 300, 300), "cv.n_windows=4", "cv.refit=3", "intervals.levels=[80]", "intervals.method=conformal_error")
		dir := mustRun(t, n, cfg).Dir
		keys, models, values := rowsOf(t, filepath.Join(dir, "cross_validation.parquet"))
		return dir, keys, models, values
	}
	dir, keys, models, values := run(1)
	if got := strings.Join(models, " "); got != "nlinear nlinear-lo-80 nlinear-hi-80 dlinear dlinear-lo-80 dlinear-median dlinear-hi-80 repeat_last" {
		t.Fatalf("columns %s", got)
	}
	errs := map[string]float64{} // of series, cutoff and step
	at := func(row int) (series string, cutoff, k int) { return keys[row][:1], row / (2 * h), row % h }
	for row, key := range keys {
		series, i, k := at(row)
		var y float64
		if n, _ := fmt.Sscan(strings.Fields(key)[3], &y); n == 1 {
			errs[fmt.Sprint(series, i, k)] = math.Abs(float64(values[0][row]) - y)
		}
	}
	offset := func(series string, k int, earlier func(i int) bool) float64 {
		var here []float64
		for i := range cutoffs {
			if e, ok := errs[fmt.Sprint(series, i, k)]; ok && earlier(i) {
				here = append(here, e)
			}
		}
		return IntervalsConfig{Method: "conformal_error"}.offset(.9, here)
	}
	some := 0
	for row := range keys {
		series, i, k := at(row)
		want := offset(series, k, func(o int) bool { return o*step+k < i*step })
		for m, sign := range []float64{-1, 1} {
			got := sign * (float64(values[1+m][row]) - float64(values[0][row]))
			if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 1e-4 {
				t.Fatalf("row %s: the interval is %g from the forecast, want %g", keys[row], got, want)
			}
		}
		if want == want {
			some++
		}
	}
	if some != 2*(2+4+4) { // steps 0 and 1 at the second cutoff, all at the others
		t.Errorf("%d rows with intervals", some)
	}
	f, err := readArrays(filepath.Join(dir, intervalsFile))
	if err != nil || len(f) != 2 || f[1].Name != "nlinear-hi-80" {
		t.Fatalf("%v %v", f, err)
	}
	for r, series := range []string{"a", "b"} {
		_, std := meanOf(t, dir, series)
		for k := range h {
			want := offset(series, k, func(int) bool { return true })
			if got := float64(f[1].Data.([]float32)[r*h+k]) * std; math.Abs(got-want) > 1e-4 {
				t.Errorf("predict's interval of %s at step %d: %g, want %g", series, k, got, want)
			}
		}
	}
	var file cvFile
	readJSON(t, filepath.Join(dir, "cross_validation.json"), &file)
	if c := file.Metrics["nlinear"]["coverage_80"]; c == nil || *c < 0 || *c > 1 {
		t.Errorf("coverage %v of the rows that have intervals", c)
	}
	_, _, _, three := run(3)
	for m := range values {
		for i, v := range values[m] {
			if d := math.Abs(float64(three[m][i] - v)); d > 1e-3 || (v != v) != (three[m][i] != three[m][i]) {
				t.Fatalf("column %s, row %s: %g, on three ranks %g", models[m], keys[i], v, three[m][i])
			}
		}
	}
}
