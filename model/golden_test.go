package model

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"deeprc/collective"
)

// goldenNets are the files of testdata/golden whose nets are held to their
// reference implementation; [references] has the names of parameters.
var goldenNets = []string{
	"nlinear",
	"dlinear",
	"mlp",
	"mlp_exogenous",
	"mlp_quantiles",
	"nbeats_identity",
	"nbeats_trend",
	"nbeats_seasonality",
	"nbeats_default",
	"nbeats_shared",
	"nbeatsx",
	"nbeatsx_exogenous",
	"nhits",
	"nhits_average",
	"nhits_cubic",
	"nhits_exogenous",
	"nhits_quantiles",
	"nhits_normal",
	"lstm",
	"lstm_exogenous",
	"lstm_recurrent",
	"lstm_recurrent_exogenous",
	"gru",
	"gru_exogenous",
	"gru_recurrent",
	"gru_recurrent_exogenous",
	"rnn",
	"rnn_exogenous",
	"rnn_recurrent",
	"rnn_recurrent_exogenous",
	"rnn_relu",
	"deepar",
	"deepar_exogenous",
	"deepar_decoder",
	"dilatedrnn_lstm",
	"dilatedrnn_gru",
	"dilatedrnn_rnn",
	"dilatedrnn_reslstm",
	"tcn",
	"tcn_exogenous",
	"bitcn",
	"bitcn_exogenous",
	"tft",
	"tft_exogenous",
	"tft_gru",
	"tft_one_state",
	"timesnet",
	"timesnet_exogenous",
	"cudalstm",
	"cudalstm_dynamic",
	"cudalstm_embedding",
	"ealstm",
	"patchtst",
	"patchtst_norms",
	"fedformer_low",
	"fedformer_random",
	"autoformer",
	"autoformer_exogenous",
	"informer",
	"informer_exogenous",
	"informer_whole",
	"vanillatransformer",
	"vanillatransformer_exogenous",
	"deeprc_lstm",
	"deeprc_lstm_selu",
	"tide",
	"tide_exogenous",
	"tide_plain",
	"tide_plain_exogenous",
	"tsmixer",
	"tsmixerx",
	"tsmixerx_exogenous",
	"itransformer",
	"itransformer_exogenous",
	"timemixer",
	"timemixer_scales",
}

// golden is a file of values computed by bench/golden.
type golden struct {
	Kind, Loss                  string
	Options                     map[string]json.RawMessage // of the net, by key
	Lookback, Horizon, Channels int
	Rate                        float64 // of Adam
	Quantiles                   []float64
	Distribution                string
	Frequencies                 map[string][]int           // that a net drew when it was made
	Cases                       map[string]json.RawMessage // attributes of functions, by key
	arrays                      map[string]Named
}

func readGolden(t testing.TB, file string) *golden {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "golden", file+".safetensors"))
	must(t, err)
	defer f.Close()
	st, err := f.Stat()
	must(t, err)
	arrays, meta, err := ReadSafetensors(f, st.Size())
	must(t, err)
	g := &golden{arrays: map[string]Named{}}
	must(t, json.Unmarshal([]byte(meta["golden"]), g))
	for _, a := range arrays {
		g.arrays[a.Name] = a
	}
	return g
}

// floats is an array of the file as float32.
func (g *golden) floats(t testing.TB, name string) []float32 {
	t.Helper()
	d, ok := g.arrays[name].Data.([]float32)
	if !ok {
		t.Fatalf("the file has no float32 array %q", name)
	}
	return d
}

// net is the file's net with its options.
func (g *golden) net(t testing.TB) Net {
	t.Helper()
	n, err := NewNet(g.Kind)
	must(t, err)
	delete(g.Options, "predict_last") // NeuralHydrology's horizon
	v, left := reflect.ValueOf(n).Elem(), len(g.Options)
	kind, _ := FindKind(g.Kind)
	for _, f := range reflect.VisibleFields(v.Type()) {
		key := f.Tag.Get("toml")
		if key == "" {
			continue
		}
		text, ok := g.Options[key]
		if own, is := kind.Defaults[key]; ok {
			left--
		} else if is {
			text, _ = json.Marshal(own)
		} else if text = json.RawMessage(f.Tag.Get("default")); f.Type.Kind() == reflect.String {
			text = json.RawMessage(strconv.Quote(string(text)))
		}
		must(t, json.Unmarshal(text, v.FieldByIndex(f.Index).Addr().Interface()))
	}
	if left != 0 {
		t.Fatalf("%s has not all options of the file: %v", g.Kind, g.Options)
	}
	must(t, CheckNet(n, g.Lookback, g.Horizon))
	switch n := n.(type) {
	case *Informer:
		n.draw = g.drawn(t)
	case *FEDformer:
		if n.ModeSelect == "random" {
			n.frequencies = map[string][]int{"encoder": g.Frequencies["encoder.attn_layers.0.attention.inner_correlation.index"],
				"decoder": g.Frequencies["decoder.layers.0.self_attention.inner_correlation.index"],
				"queries": g.Frequencies["decoder.layers.0.cross_attention.inner_correlation.index_q"],
				"keys":    g.Frequencies["decoder.layers.0.cross_attention.inner_correlation.index_kv"]}
		}
	}
	return n
}

// fit is the file's net with the file's weights on the file's windows.
func (g *golden) fit(t testing.TB) (*Fit, Windows) {
	t.Helper()
	past, target := g.floats(t, "input.past"), g.floats(t, "input.target")
	row := g.Lookback + g.Horizon
	rows := len(past) / g.Lookback
	d := Data{Past: make([]float32, rows*row), Target: make([]float32, rows*row)}
	for i := range rows {
		copy(d.Past[i*row:], past[i*g.Lookback:][:g.Lookback])
		copy(d.Target[i*row+g.Lookback:], target[i*g.Horizon:][:g.Horizon])
	}
	loss, ok := map[string]string{"MAE": "mae", "MSE": "mse"}[g.Loss]
	if !ok {
		t.Fatalf("no loss here is the reference's %s", g.Loss)
	}
	dev, err := CPU(1)
	must(t, err)
	o := TrainOptions{Optimizer: "adam", LR: g.Rate, Loss: loss, Beta1: .9, Beta2: .999, Eps: 1e-8}
	f, err := NewFit(dev, g.net(t), Shape{g.Lookback, g.Horizon, g.Channels, rows / g.Channels}, d, o, 1)
	must(t, err)
	must(t, f.SetParams(g.weights(t, f.Params)))
	return f, goldenWindows{rows / g.Channels, g.Channels, row}
}

// weights is a slab of the file's weights.
func (g *golden) weights(t testing.TB, params *Params) []float32 {
	t.Helper()
	weights, err := references[g.Kind].Import(g.net(t), params, g.checkpoint())
	must(t, err)
	slab := make([]float32, params.Words())
	must(t, params.Fill(slab, "", weights))
	return slab
}

// checkpoint is the reference's, weights and constants.
func (g *golden) checkpoint() (arrays []Named) {
	for _, prefix := range []string{"weight.", "constant."} {
		for _, name := range slices.Sorted(maps.Keys(g.arrays)) {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				a := g.arrays[name]
				arrays = append(arrays, Named{rest, a.Shape, a.Data})
			}
		}
	}
	return arrays
}

// goldenRun is what a net made of a file's weights and windows.
type goldenRun struct {
	params   *Params
	forecast []float32
	by       string    // the file's array of it: output, or evaluated where batch norms make training's another one
	gradient []float32 // slab of the first step, of the mean loss
	losses   []float64
}

// byFit forecasts and trains as a run does.
func (g *golden) byFit(t testing.TB) goldenRun {
	f, ws := g.fit(t)
	r := goldenRun{params: f.Params, forecast: make([]float32, len(g.floats(t, "output"))), by: "output"}
	if _, ok := g.arrays["evaluated"]; ok {
		r.by = "evaluated"
	}
	must(t, f.Predict(r.forecast, ws, 0, ws.Len()))
	for i := range g.arrays["losses"].Data.([]float64) {
		loss, err := f.Step(collective.Local(1)[0], ws, Part{N: ws.Len(), Pick: func(k int) int { return k }}, g.Rate)
		must(t, err)
		r.losses = append(r.losses, loss)
		if i == 0 {
			r.gradient = make([]float32, f.tail+2)
			must(t, f.grads.Read(r.gradient, 0))
			for i := range r.gradient[:f.tail] {
				r.gradient[i] /= r.gradient[f.tail+1]
			}
		}
	}
	return r
}

// goldenWindows are n windows of c channels, each row of its own.
type goldenWindows struct{ n, c, row int }

func (w goldenWindows) Len() int { return w.n }
func (w goldenWindows) Offsets(dst []int64, i int) {
	for c := range w.c {
		dst[c] = int64((i*w.c + c) * w.row)
	}
}

// largest is the largest absolute value.
func largest(s []float32) float64 {
	var m float64
	for _, v := range s {
		m = math.Max(m, math.Abs(float64(v)))
	}
	return m
}

// same reports the first of got that is further than tol·scale from want.
func same(t testing.TB, what string, got, want []float32, tol, scale float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - float64(w)); !(d <= tol*scale) {
			t.Errorf("%s: value %d is %g, the reference has %g: off by %.2g of %.3g", what, i, got[i], w, d/scale, scale)
			return
		}
	}
}

// From the reference's weights: forecast and every parameter's gradient to 1e-5
// of the array's largest value (for a gradient at least 1e-3, of two nets 8e-3, of the largest of
// all, since some are zero but for rounding), ten losses to 1e-4.
func TestNetsAgainstTheirReference(t *testing.T) {
	for _, c := range goldenNets {
		t.Run(c, func(t *testing.T) {
			g := readGolden(t, c)
			run := g.byFit
			if _, ok := g.arrays["input.past"]; !ok || g.arrays["input.futr"].Data != nil || g.outputs() > 1 || g.recursive(t) || g.Kind == "timesnet" {
				run = g.byGraph
			}
			r := run(t)
			want := g.floats(t, r.by)
			same(t, "forecast", r.forecast, want, 1e-5, largest(want))
			for i, want := range g.arrays["losses"].Data.([]float64) {
				if math.Abs(r.losses[i]-want) > 1e-4*math.Abs(want) {
					t.Errorf("loss %d is %g, the reference has %g", i, r.losses[i], want)
				}
			}
			var most float64
			left := 0
			for name, a := range g.arrays {
				if strings.HasPrefix(name, "gradient.") && largest(a.Data.([]float32)) > 0 { // others have no effect
					most, left = math.Max(most, largest(a.Data.([]float32))), left+1
				}
			}
			for _, p := range r.params.List {
				want := g.floats(t, "gradient."+references[g.Kind].Name(g.net(t), p.Name))
				least := 1e-3
				switch g.Kind {
				case "patchtst": // batch norms leave a thousandth of what patch.bias sums up: PyTorch in float32 is off by 1.8e-5 itself
					least = 8e-3
				case "fedformer": // poles of the complex tanh: PyTorch in float32 is off by 3.4e-5 itself
					least = 8e-3
				}
				same(t, "gradient of "+p.Name, p.Of(r.gradient), want, 1e-5, math.Max(largest(want), least*most))
				if largest(want) > 0 {
					left--
				}
			}
			if left != 0 {
				t.Errorf("the reference has %d parameters more", left)
			}
		})
	}
}

// goldenFiles are the names of all files of testdata/golden.
func goldenFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.safetensors"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("no golden files")
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".safetensors")
	}
	return files
}

// Every file of a net is held to it.
func TestNoGoldenNetIsForgotten(t *testing.T) {
	for _, file := range goldenFiles(t) {
		if readGolden(t, file).Kind != "" && !slices.Contains(goldenNets, file) {
			t.Errorf("%s is held to no net", file)
		}
	}
}
