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
	"deeprc/model"
)

// NeuralHydrology's net, imported with its scaler, forecasts in the data's unit what it puts out in NeuralHydrology, though the data has other means and deviations.
func TestImportedScales(t *testing.T) {
	golden, err := readArrays(filepath.Join("..", "model", "testdata", "golden", "cudalstm.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) []float32 {
		for _, a := range golden {
			if a.Name == name {
				return a.Data.([]float32)
			}
		}
		t.Fatalf("no %s", name)
		return nil
	}
	hist, static, output := find("input.hist"), find("input.stat"), find("output") // (4, 3, 24), (4, 2), (4, 1, 5)
	columns := []string{"p", "t", "u", "area", "slope", "q"}
	scale := map[string][]float32{"p": {3, 2}, "t": {-10, 5}, "u": {.5, .25}, "area": {900, 300}, "slope": {0, .01}, "q": {20, 8}}
	var b strings.Builder
	b.WriteString("unique_id,ds,p,t,u,area,slope,q\n")
	raw := func(name string, v float32) float64 {
		return float64(v)*float64(scale[name][1]) + float64(scale[name][0])
	}
	for series := range 4 {
		for row := range 90 {
			fmt.Fprintf(&b, "s%d,%d", series, row)
			for k, name := range columns[:3] {
				v := float32(row*(k+3)%7) / 7
				if row >= 66 {
					v = hist[(series*3+k)*24+row-66]
				}
				fmt.Fprintf(&b, ",%.9g", raw(name, v))
			}
			q := fmt.Sprint(row % 5)
			if row >= 85 { // the days to forecast
				q = ""
			}
			fmt.Fprintf(&b, ",%.9g,%.9g,%s\n", raw("area", static[series*2]), raw("slope", static[series*2+1]), q)
		}
	}
	dir := t.TempDir()
	data, weights, file := filepath.Join(dir, "basins.csv"), filepath.Join(dir, "weights.safetensors"), goldenWeights(t, "cudalstm")
	writeFile(t, data, b.String())
	arrays, err := readArrays(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range columns {
		arrays = append(arrays, model.Named{Name: "scaler." + name, Shape: []int{2}, Data: scale[name]})
	}
	if err := writeArrays(file, arrays, nil); err != nil {
		t.Fatal(err)
	}
	config := func(sets ...string) *Config {
		cfg, err := parseConfig("t.toml", fmt.Sprintf(`
[data]
path = %q
layout = "long"
target = "q"
future = ["p", "t", "u"]
static = ["area", "slope"]
scaler = "global"
input_scaler = "global"
[windows]
lookback = 19
horizon = 5
[[model]]
net = "cudalstm"
hidden = 8
forget_bias = 3
[train]
epochs = 0
[evaluate]
baselines = []
plots = 0
`, data), append([]string{"run.dir=" + t.TempDir(), "model.0.init=" + weights}, sets...))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	if err := Import(file, config(), "", weights); err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, 2, config("data.scales="+weights))
	out := filepath.Join(dir, "p.csv")
	if err := Predict(collective.Local(1)[0], res.Dir, PredictOptions{Data: data, Out: out}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) != 1+4*5 {
		t.Fatal(rows, err)
	}
	for i, r := range rows[1:] {
		got, err := strconv.ParseFloat(r[2], 64)
		if want := raw("q", output[i]); err != nil || math.Abs(got-want) > 1e-4*math.Abs(want) {
			t.Errorf("%s at %s: %s, NeuralHydrology has %g", r[0], r[1], r[2], want)
		}
	}
	other := config()
	other.Data.Static = []string{"area", "height"}
	if err := Import(file, other, "", weights); err == nil || !strings.Contains(err.Error(), "it has no scale of height, but of p, t, u, area, slope, q") {
		t.Errorf("a column without a scale: %v", err)
	}
	_, err = parseConfig("t.toml", nhitsText, []string{"data.scales=x"})
	if err == nil || !strings.Contains(err.Error(), `set data.scaler and data.input_scaler to "global"`) {
		t.Errorf("error %v", err)
	}
	_, err = runOn(t, 1, small(t, "data.scales="+weights, "data.scaler=global", "data.input_scaler=global"))
	if err == nil || !strings.Contains(err.Error(), "data.scales") {
		t.Errorf("a wide table: %v", err)
	}
}
