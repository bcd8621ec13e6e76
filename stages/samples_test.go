package stages

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
)

// Samples of every distribution lie around the forecast as its quantiles say, are the same for any number of ranks and of samples, and of
// deepar they are the paths that its forecast is the mean of.
func TestSamples(t *testing.T) {
	const n = 40
	text := "date,a,b\n"
	for i := range 320 {
		text += fmt.Sprintf("%d,%d,%d\n", i, 8+i%5+i%12/6*4, 30+i*i%7)
	}
	counts := filepath.Join(t.TempDir(), "counts.csv")
	if err := os.WriteFile(counts, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	losses := []string{"studentt", "normal", "poisson", "negativebinomial"}
	if testing.Short() { // goroutines meet in the same places with each
		losses = losses[:1]
	}
	for _, loss := range losses {
		config := func(samples int) *Config {
			text := fmt.Sprintf(`
[data]
path = %q
scaler = "none"
[windows]
lookback = 24
horizon = 6
stride = 7
[[model]]
net = "nlinear"
[[model]]
net = "nlinear"
name = "pair"
seeds = [1, 2]
[[model]]
net = "deepar"
hidden = 8
samples = %d
train.steps = 3
[train]
loss = %q
levels = [50]
steps = 20
[evaluate]
baselines = []
plots = 0
samples = %d
`, counts, n, loss, samples)
			cfg, err := parseConfig("test", text, []string{"run.dir=" + t.TempDir(), "cv.n_windows=2"})
			if err != nil {
				t.Fatal(err)
			}
			return cfg
		}
		one := mustRun(t, 1, config(n)).Dir
		keys, models, values := rowsOf(t, filepath.Join(one, "forecasts.parquet"))
		_, _, ranks := rowsOf(t, filepath.Join(mustRun(t, 3, config(n)).Dir, "forecasts.parquet"))
		_, fewer, few := rowsOf(t, filepath.Join(mustRun(t, 1, config(2)).Dir, "forecasts.parquet"))
		if len(models) != 3*(4+n) || models[4] != "nlinear-sample-1" || models[3+n] != fmt.Sprintf("nlinear-sample-%d", n) {
			t.Fatalf("columns %s", models)
		}
		at := func(name string) int { return slices.Index(models, name) }
		for k, name := range fewer {
			if !slices.Equal(few[k], values[at(name)]) {
				t.Errorf("%s: %s is another where fewer samples are asked for", loss, name)
			}
		}
		for m, name := range []string{"nlinear", "deepar"} {
			point, lo, hi, first := values[at(name)], values[at(name+"-lo-50")], values[at(name+"-hi-50")], at(name+"-sample-1")
			inside, same := 0, 0
			for i := range keys {
				var sum float64
				for _, col := range values[first:][:n] {
					sum += float64(col[i])
					if lo[i] <= col[i] && col[i] <= hi[i] {
						inside++
					}
				}
				if m == 1 && math.Abs(sum/n-float64(point[i])) > 1e-3*(1+math.Abs(sum/n)) {
					t.Fatalf("%s: row %s: the paths' mean is %g, the forecast %g", loss, keys[i], sum/n, point[i])
				}
				if i > 0 && values[first][i]-point[i] == values[first][i-1]-point[i-1] {
					same++
				}
			}
			total := float64(n * len(keys))
			share := float64(inside) / total
			// counts have atoms, so that the interval may hold more than half
			if share < .5-5*math.Sqrt(.25/total)-.01 || !strings.Contains("poisson negativebinomial", loss) && share > .5+5*math.Sqrt(.25/total)+.03 {
				t.Errorf("%s, %s: a share of %g of the samples lies in the interval of 50 %%", loss, name, share)
			}
			if same > len(keys)/2 {
				t.Errorf("%s, %s: steps of a window are drawn alike", loss, name)
			}
		}
		for k, col := range values { // weights differ by rounding, so a draw of counts may, seldom
			differ := 0
			for i, v := range col {
				if d := math.Abs(float64(ranks[k][i] - v)); d > 1e-2*(1+math.Abs(float64(v))) {
					differ++
				}
			}
			if differ > len(col)/50 {
				t.Errorf("%s: %s differs in %d of %d rows on three ranks", loss, models[k], differ, len(col))
			}
		}
		_, crossed, _ := rowsOf(t, filepath.Join(one, "cross_validation.parquet"))
		if !slices.Equal(crossed, models) {
			t.Errorf("%s: cross_validation.parquet has %s", loss, crossed)
		}
	}
}

func TestPredictWritesSamples(t *testing.T) {
	dir := mustRun(t, 1, small(t, "data.path="+waves(t, 800), "model.0.train.loss=normal", "model.1.train.loss=mae", "train.levels=[80]", "train.steps=5", "evaluate.forecasts=false")).Dir
	var first string
	for _, n := range []int{1, 2} {
		out := filepath.Join(t.TempDir(), "p.csv")
		if err := collective.RunLocal(n, func(c collective.Comm) error {
			return Predict(c, dir, PredictOptions{Data: waves(t, 800), Out: out, Samples: 3})
		}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		}
		if head, _, _ := strings.Cut(string(text), "\n"); string(text) != first ||
			head != "unique_id,ds,nlinear,nlinear-lo-80,nlinear-median,nlinear-hi-80,nlinear-sample-1,nlinear-sample-2,nlinear-sample-3,dlinear" {
			t.Errorf("%d ranks: %s", n, head)
		}
	}
	for want, o := range map[string]PredictOptions{
		"--samples 3: they reach as far as the models' horizon, 24 steps, and --horizon is 30": {Samples: 3, Horizon: 30},
		"--samples -1: want 0 to 10000": {Samples: -1},
	} {
		o.Data, o.Out = waves(t, 800), filepath.Join(t.TempDir(), "p.csv")
		if err := Predict(collective.Local(1)[0], dir, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestSamplesConfig(t *testing.T) {
	for text, want := range map[string]string{
		"evaluate.samples=-1":    "evaluate.samples = -1: want 0 to 10000",
		"evaluate.samples=5":     "evaluate.samples = 5: no model forecasts a distribution to draw from",
		"model.0.net=deepar":     `evaluate.samples = 500: model "deepar" draws 100 paths of a forecast`,
		"train.loss=normal":      "evaluate.samples: samples are written with the forecasts",
		"evaluate.samples=10001": "want 0 to 10000",
	} {
		sets := []string{text}
		switch text {
		case "model.0.net=deepar":
			sets = append(sets, "evaluate.samples=500")
		case "train.loss=normal":
			sets = append(sets, "evaluate.samples=5", "evaluate.forecasts=false")
		}
		_, err := parseConfig("t.toml", "[data]\npath = \"synth\"\n[[model]]\nnet = \"nlinear\"\n", sets)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	_, err := runOn(t, 1, small(t, "model.0.train.loss=normal", "evaluate.samples=10000", "data.synth.hours=20000"))
	if err == nil || !strings.Contains(err.Error(), "evaluate.samples = 10000: the forecasts of the test part are") {
		t.Errorf("error %v", err)
	}
}
