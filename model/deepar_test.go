package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// trainedDeepAR is DeepAR of one layer, trained on toy data behind that scaler.
func trainedDeepAR(t *testing.T, samples int, scaler string) *Fit {
	t.Helper()
	o := toyOptions()
	o.Loss, o.Levels, o.Steps = "normal", []float64{80}, 100
	_, params, _ := trainToy(t, 1, Scaled{&DeepAR{Layers: 1, Hidden: 6, TrainHorizon: 3}, scaler}, o, toy(false))
	f, err := NewFit(testCPU(t), Scaled{&DeepAR{Layers: 1, Hidden: 6, TrainHorizon: 3, Samples: samples}, scaler}, Shape{toyL, toyH, toyC, 2}, toy(false), o, 5)
	must(t, err)
	must(t, f.SetParams(params))
	return f
}

// forecastColumns are the mean and the quantiles of windows lo … lo+n−1.
func forecastColumns(t *testing.T, f *Fit, lo, n int) [][]float32 {
	t.Helper()
	columns := make([][]float32, len(f.Columns()))
	for i := range columns {
		columns[i] = make([]float32, n*toyC*toyH)
	}
	must(t, f.PredictColumns(columns, toyVal, lo, n))
	return columns
}

// scalarDeepAR draws paths of one series with a cell written out, one number at a time: (H, paths). shift and scale are those of the scaler.
func scalarDeepAR(f *Fit, past []float64, shift, scale float64, paths int) [][]float32 {
	slab := make([]float32, f.Params.Words())
	if err := f.GetParams(slab); err != nil {
		panic(err)
	}
	p := func(name string) []float32 { return f.Params.find(name).Of(slab) }
	in, hid, bi, bh := p("encoder.weight_ih_l0"), p("encoder.weight_hh_l0"), p("encoder.bias_ih_l0"), p("encoder.bias_hh_l0")
	w, b := p("decoder.0.weight"), p("decoder.0.bias")
	n := len(in) / 4
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	step := func(x float64, h, c []float64) (h2, c2 []float64) {
		gate := func(i int) float64 {
			s := x*float64(in[i]) + float64(bi[i]) + float64(bh[i])
			for j := range n {
				s += h[j] * float64(hid[i*n+j])
			}
			return s
		}
		h2, c2 = make([]float64, n), make([]float64, n)
		for j := range n {
			c2[j] = sigmoid(gate(n+j))*c[j] + sigmoid(gate(j))*math.Tanh(gate(2*n+j))
			h2[j] = sigmoid(gate(3*n+j)) * math.Tanh(c2[j])
		}
		return h2, c2
	}
	output := func(k int, h []float64) float64 {
		s := float64(b[k])
		for j := range n {
			s += h[j] * float64(w[k*n+j])
		}
		return s
	}
	h0, c0 := make([]float64, n), make([]float64, n)
	for _, y := range past {
		h0, c0 = step((y-shift)/scale, h0, c0)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	all := make([][]float32, toyH)
	for range paths {
		h, c := h0, c0
		for t := range toyH {
			y := output(0, h)*scale + shift + (math.Log1p(math.Exp(output(1, h)))+.2)*scale*rnd.NormFloat64()
			all[t] = append(all[t], float32(y))
			h, c = step((y-shift)/scale, h, c)
		}
	}
	return all
}

// DeepAR's means and quantiles are those of paths that a simple implementation draws from other random numbers.
func TestDeepARSamplesPaths(t *testing.T) {
	const window = 4
	paths := 20_000
	if testing.Short() {
		paths = 2_000
	}
	for _, scaler := range []string{"identity", "standard"} {
		f := trainedDeepAR(t, paths, scaler)
		got := forecastColumns(t, f, window, 1)
		for c := range toyC {
			past := make([]float64, toyL)
			var shift, scale float64 = 0, 1
			for i := range past {
				past[i] = float64(f.data.Past[c*toyN+toyVal.first+window+i])
			}
			if scaler == "standard" {
				shift = mean(past)
				scale = math.Sqrt(variance(past)*float64(toyL-1)/toyL) + scalerEps
			}
			for h, values := range scalarDeepAR(f, past, shift, scale, paths) {
				want := make([]float64, len(got))
				f.Loss.ForecastPaths(want, values)
				spread := want[3] - want[1] // between the quantiles 0.1 and 0.9, 2.56 deviations
				for k := range want {
					// both differ from the truth: a quantile 0.1 by 1.7 deviations/√paths
					if off := math.Abs(want[k] - float64(got[k][c*toyH+h])); !(off <= 5*math.Sqrt2*1.8/2.56*spread/math.Sqrt(float64(paths))) {
						t.Errorf("%s: channel %d, step %d, quantile %g: %g, want %g within sampling; the central 80 %% are %g wide",
							scaler, c, h+1, f.Columns()[k], got[k][c*toyH+h], want[k], spread)
					}
				}
			}
		}
	}
}

// Paths depend on the seed and on the window: not on the batch that it is forecast in, nor on the rank.
func TestDeepARPathsRepeat(t *testing.T) {
	f := trainedDeepAR(t, 50, "standard")
	whole := forecastColumns(t, f, 0, 7)
	if again := forecastColumns(t, f, 0, 7); !slices.EqualFunc(whole, again, slices.Equal) {
		t.Error("a second forecast from the same seed differs")
	}
	for k, column := range forecastColumns(t, f, 3, 4) {
		for i, v := range column {
			if w := whole[k][3*toyC*toyH+i]; math.Abs(float64(v-w)) > 1e-5 {
				t.Fatalf("column %d, value %d from window 3 on: %g, in a forecast of all windows %g", k, i, v, w)
			}
		}
	}
	f.seed++
	if other := forecastColumns(t, f, 0, 7); slices.Equal(whole[0], other[0]) {
		t.Error("another seed gives the same forecast")
	}
}
