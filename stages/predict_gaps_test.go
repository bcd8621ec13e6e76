package stages

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"deeprc/collective"
)

// gappy is a wide table of n hours of whole numbers, of which every eleventh of a is missing.
func gappy(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("date,a,b\n")
	for i := range n {
		a := fmt.Sprint(20 + math.Round(15*math.Sin(float64(i)*math.Pi/12)) + float64(i%3))
		if i%11 == 3 {
			a = ""
		}
		fmt.Fprintf(&b, "%d,%s,%d\n", i, a, i%24)
	}
	path := filepath.Join(t.TempDir(), "gappy.csv")
	writeFile(t, path, b.String())
	return path
}

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
	keys, models, values := rowsOf(t, filepath.Join(res.Dir, "forecasts.parquet"))
	want := map[string]float32{}
	for i, k := range keys {
		f := strings.Fields(k)
		for m := range values {
			if f[2] == fmt.Sprint(step-1) {
				want[f[0]+" "+f[1]+" "+models[m]] = values[m][i]
			}
		}
	}
	for _, n := range []int{1, 2} {
		out := filepath.Join(t.TempDir(), "p.csv")
		err := collective.RunLocal(n, func(c collective.Comm) error {
			return Predict(c, res.Dir, PredictOptions{Data: gappy(t, step), Out: out})
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
		if err != nil || strings.Join(rows[0][2:], " ") != "nlinear nlinear-lo-80 nlinear-hi-80 dlinear dlinear-lo-90 dlinear-lo-80 dlinear-median dlinear-hi-80 dlinear-hi-90" {
			t.Fatal(rows[0], err)
		}
		for _, r := range rows[1:] {
			for k, name := range rows[0][2:] {
				got, _ := strconv.ParseFloat(r[2+k], 64)
				w, ok := want[r[0]+" "+r[1]+" "+name]
				if !ok || !(math.Abs(got-float64(w)) < 1e-4*(1+math.Abs(got))) {
					t.Errorf("%d ranks: %s at %s, %s: %g, the run has %g", n, r[0], r[1], name, got, w)
				}
			}
		}
	}
}
