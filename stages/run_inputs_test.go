package stages

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inputTables are a long table whose target is last step's p plus this step's f, scaled by the series' a, and one of the statics.
func inputTables(t *testing.T) string {
	dir := t.TempDir()
	var data, attributes strings.Builder
	data.WriteString("unique_id,ds,y,p,f,a\n")
	attributes.WriteString("a,unique_id\n")
	for k := range 4 {
		fmt.Fprintf(&attributes, "%d,s%d\n", k+1, k)
		before := 0.
		for i := range 300 {
			p, f := math.Sin(float64(i*i+k)), math.Cos(float64(i*(i+3)))
			cell := fmt.Sprint(p)
			if i%50 == 7 {
				cell = ""
			}
			fmt.Fprintf(&data, "s%d,%d,%g,%s,%g,%d\n", k, i, float64(k+1)*(before+f), cell, f, k+1)
			before = p
		}
	}
	writeFile(t, filepath.Join(dir, "data.csv"), data.String())
	writeFile(t, filepath.Join(dir, "attributes.csv"), attributes.String())
	return dir
}

const inputsText = `
[data]
path = "DIR/data.csv"
hist = ["p"]
future = ["f"]
static = ["a"]
scaler = "global"
[windows]
lookback = 4
horizon = 1
[[model]]
net = "mlp"
hidden = 32
[train]
lr = 1e-2
steps = 300
val_every = 50
`

// inputsBySteps is inputsText with its data made by steps, and the statics in a table of their own.
var inputsBySteps = strings.Replace(inputsText, "path = \"DIR/data.csv\"", "static_table = \"attributes\"", 1) + `
[[preprocess]]
op = "read_csv"
paths = ["DIR/attributes.csv"]
text = ["unique_id"]
as = "attributes"
[[preprocess]]
op = "read_csv"
paths = ["DIR/data.csv"]
text = ["unique_id"]
columns = ["unique_id", "ds", "y", "p", "f"]
`

// TestRunWithInputs: a net that is given what the target depends on learns it, alike on any number of ranks, whether statics are columns of the data or a table.
func TestRunWithInputs(t *testing.T) {
	dir := inputTables(t)
	run := func(n int, text string) map[string]float64 {
		cfg, err := parseConfig("t.toml", strings.ReplaceAll(text, "DIR", dir), []string{"run.dir=" + t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return mustRun(t, n, cfg).Metrics["mlp"]
	}
	one := run(1, inputsText)
	if !(one["mse"] < .1) {
		t.Errorf("mean squared error %g", one["mse"])
	}
	for name, got := range map[string]map[string]float64{"two ranks": run(2, inputsText), "a table of statics": run(2, inputsBySteps)} {
		if math.Abs(got["mse"]-one["mse"]) > 1e-2*one["mse"] {
			t.Errorf("%s: %g, with one rank %g", name, got["mse"], one["mse"])
		}
	}
}

// TestCaravanRuns: the experiments on Caravan of inputs/, a few steps on twelve basins.
func TestCaravanRuns(t *testing.T) {
	data := os.Getenv("DEEPRC_DATA")
	if data == "" {
		t.Skip("DEEPRC_DATA names no folder with caravan_camels and nh_camels_us_test")
	}
	const days, test = 12418, 5478 // of a basin, and those before the test part
	for _, c := range []struct {
		file, net, metric string
		train, test       int // windows of a basin
	}{
		{"caravan.toml", "mlp", "mse", 5113 - 364, days - test},
		{"caravan_lstm.toml", "cudalstm", "nse", (5447-365)/30 + 1, (days - test) / 30},
	} {
		t.Run(c.net, func(t *testing.T) {
			cfg, err := LoadConfig("../inputs/"+c.file, []string{
				"preprocess.0.path=" + filepath.Join(data, "nh_camels_us_test", "camels_us"),
				`preprocess.1.paths=["` + filepath.Join(data, "caravan_camels", "sample12", "[0-9]*.csv") + `"]`,
				"model.0.hidden=16", "train.steps=40", "train.val_every=20", "run.dir=" + t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			res := mustRun(t, 2, cfg)
			var m metricsFile
			readJSON(t, filepath.Join(res.Dir, "metrics.json"), &m)
			if v := res.Metrics[c.net][c.metric]; math.IsNaN(v) || math.IsInf(v, 0) || v == 0 {
				t.Errorf("%s %g", c.metric, v)
			}
			if train, test := m.Windows.Train, m.Windows.Test; train != 12*c.train || test != 12*c.test {
				t.Errorf("%d train and %d test windows", train, test)
			}
			var file modelFile
			readJSON(t, filepath.Join(res.Dir, "model.json"), &file)
			if len(file.Inputs) != 3+27 || len(file.Inputs[0].Mean) != 1 || file.Inputs[3].Kind != "static" {
				t.Errorf("%d inputs", len(file.Inputs))
			}
		})
	}
}
