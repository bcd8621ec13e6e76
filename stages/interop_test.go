package stages

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"deeprc/model"
)

// goldenWeights writes the weights of a net of the reference as a checkpoint of it, in the order in which export writes them.
func goldenWeights(t *testing.T, file string) (path string) {
	t.Helper()
	arrays, err := readArrays(filepath.Join("..", "model", "testdata", "golden", file+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var weights []model.Named
	for _, a := range arrays {
		if rest, ok := strings.CutPrefix(a.Name, "weight."); ok {
			weights = append(weights, model.Named{Name: rest, Shape: a.Shape, Data: a.Data})
		}
	}
	slices.SortFunc(weights, func(a, b model.Named) int { return strings.Compare(a.Name, b.Name) })
	path = filepath.Join(t.TempDir(), file+".safetensors")
	if err := writeArrays(path, weights, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

const nhitsText = `
[data]
path = "synth"
synth = { series = 2, hours = 400 }
[windows]
lookback = 24
horizon = 12
[[model]]
net = "nhits"
hidden = 8
layers = 2
[[model]]
net = "dlinear"
kernel = 5
[train]
loss = "mae"
lr = 1e-30
steps = 1
[evaluate]
forecasts = false
baselines = []
`

// The reference's weights, imported, are what a run begins with; exported from it, they are the file that was imported, byte for byte (one step
// of a rate that changes nothing lies between).
func TestImportRunExport(t *testing.T) {
	load := func(sets ...string) *Config {
		cfg, err := parseConfig("t.toml", nhitsText, append(sets, "run.dir="+t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	files := map[string]string{"nhits": goldenWeights(t, "nhits"), "dlinear": goldenWeights(t, "dlinear")}
	dir, sets := t.TempDir(), []string{}
	for i, name := range []string{"nhits", "dlinear"} {
		out := filepath.Join(dir, name)
		if err := Import(files[name], load(), name, out); err != nil {
			t.Fatal(err)
		}
		sets = append(sets, "model."+string(rune('0'+i))+".init="+out)
	}
	res := mustRun(t, 2, load(sets...))
	for name, file := range files {
		out := filepath.Join(dir, name+".exported")
		if err := Export(res.Dir, name, out); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: exported %d bytes that are not the %d imported", name, len(got), len(want))
		}
	}
	patches, err := parseConfig("t.toml", strings.Replace(nhitsText, "net = \"dlinear\"\nkernel = 5", "net = \"patchtst\"", 1), []string{"model.1.train.loss=normal"})
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "weights.ckpt")
	writeFile(t, wrong, "PK\x03\x04 a zip archive")
	for want, err := range map[string]error{
		"name one with --model":                                 Import(files["nhits"], load(), "", filepath.Join(dir, "x")),
		`no model "nhit"; did you`:                              Export(res.Dir, "nhit", filepath.Join(dir, "x")),
		"NeuralForecast scales a deviation back in another way": Import(files["nhits"], patches, "patchtst", filepath.Join(dir, "x")),
		"convert_checkpoint.py":                                 Import(wrong, load(), "nhits", filepath.Join(dir, "x")),
		"linear_trend.bias is missing":                          Import(files["nhits"], load(), "dlinear", filepath.Join(dir, "x")),
		"blocks.0.layers.0.weight has shape [8 12], parameter blocks.0.in.weight here has [8 15]": Import(files["nhits"], load("windows.lookback=30"), "nhits", filepath.Join(dir, "x")),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
		t.Error("a file was written nevertheless")
	}
}
