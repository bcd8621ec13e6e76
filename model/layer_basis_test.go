package model

import (
	"math"
	"strings"
	"testing"
)

func TestTrendBases(t *testing.T) {
	const length = 401
	functions := func(kind string, n int) (f [][]float64) { // by step
		for i := range length {
			f = append(f, trend(kind, n, i, length))
		}
		return f
	}
	for _, kind := range []string{"linear_hat", "spline"} { // a partition of one, none below 0
		for i, f := range functions(kind, 6) {
			var s float64
			for _, v := range f {
				s += v
				if v < 0 {
					t.Errorf("%s: %v at step %d", kind, f, i)
				}
			}
			if math.Abs(s-1) > 1e-12 {
				t.Errorf("%s: the functions sum to %g at step %d", kind, s, i)
			}
		}
	}
	last := map[string][]float64{"polynomial": {1, 400. / 401, math.Pow(400./401, 2)}, "legendre": {1, 1, 1}, "chebyshev": {1, 1, 1},
		"changepoint": {2. / 3, 1. / 3, 0}, "piecewise_linear": {0, 0, 0}, "linear_hat": {0, 0, 1}}
	for kind, want := range last {
		f := functions(kind, 3)
		for i, v := range f[length-1] {
			if math.Abs(v-want[i]) > 1e-12 {
				t.Errorf("%s: function %d ends in %g, want %g", kind, i, v, want[i])
			}
		}
	}
	P, T := functions("legendre", 5), functions("chebyshev", 5)
	for i := range length {
		z := 2*float64(i)/(length-1) - 1
		if w := (35*math.Pow(z, 4) - 30*z*z + 3) / 8; math.Abs(P[i][4]-w) > 1e-12 {
			t.Errorf("P₄(%g) = %g, want %g", z, P[i][4], w)
		}
		if w := math.Cos(4 * math.Acos(z)); math.Abs(T[i][4]-w) > 1e-12 {
			t.Errorf("T₄(%g) = %g, want %g", z, T[i][4], w)
		}
	}
	if f := trend("piecewise_linear", 4, 25, 101); f[1] != 1 || f[0] != 0 || f[2] != 0 { // a hat at a quarter
		t.Errorf("hats at a quarter: %v", f)
	}
}

func TestNetChecks(t *testing.T) {
	for want, n := range map[string]Net{
		"hidden = 0: must":                   &MLP{Layers: 1},
		"layers = -1":                        &MLP{Layers: -1, Hidden: 1},
		"blocks = [1]: want 2 numbers":       &NBEATS{Stacks: []string{"trend", "trend"}, Blocks: []int{1}},
		`stacks = "season": want one of`:     &NBEATS{Stacks: []string{"season"}},
		"stacks is empty":                    &NBEATS{},
		`basis = "sine"`:                     &NBEATS{Stacks: []string{"trend"}, Blocks: []int{1}, Layers: 1, Hidden: 1, Basis: "sine"},
		"degree = 2: cubic splines":          &NBEATS{Stacks: []string{"trend"}, Blocks: []int{1}, Layers: 1, Hidden: 1, Basis: "spline", Degree: 2, Activation: "relu"},
		"harmonics = 1048576: a basis":       &NBEATSx{Stacks: []string{"seasonality"}, Blocks: []int{1}, Layers: 1, Hidden: 1, Harmonics: maxSize, Activation: "relu"},
		`activation = "prelu"`:               &NBEATSx{Stacks: []string{"identity"}, Blocks: []int{1}, Layers: 1, Hidden: 1, Activation: "prelu"},
		"dilations = 0":                      &TCN{Kernel: 2},
		"dilations = [1 0]: every":           &TCN{Kernel: 2, Dilations: []int{1, 0}},
		"dropout = 1: must":                  &BiTCN{Hidden: 1, Dropout: 1},
		"heads = 3: must divide":             &TFT{Hidden: 8, Heads: 3},
		"heads = 1: hidden = 512 makes":      &TFT{Hidden: 512, Heads: 1},
		`cell = "rnn"`:                       &TFT{Hidden: 8, Heads: 1, Activation: "elu", Cell: "rnn"},
		"top = 19: must be between 1 and 18": &TimesNet{Top: 19},
		"kernels = 0":                        &TimesNet{Top: 1},
		"blocks = 0":                         &NHITS{},
		"pool = [0]: every":                  &NHITS{Blocks: []int{1}, Pool: []int{0}},
		"downsample = []":                    &NHITS{Blocks: []int{1}, Pool: []int{1}},
	} {
		if err := CheckNet(n, 24, 12); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}

// A net that wants columns which the data has not says so.
func TestExogenousStackNeedsColumns(t *testing.T) {
	n := &NBEATSx{Stacks: []string{"exogenous"}, Blocks: []int{1}, Layers: 1, Hidden: 4, Activation: "relu"}
	dev := testCPU(t)
	_, err := NewFit(dev, n, Shape{toyL, toyH, toyC, 4}, toy(false), toyOptions(), 1)
	if err == nil || !strings.Contains(err.Error(), "neither future nor static columns") {
		t.Fatalf("got %v", err)
	}
}

// What is missing does not reach the next block: its residual is 0 there.
func TestMissingValuesHaveNoResidual(t *testing.T) {
	g := &Graph{}
	past, mask := g.Input(F32, 1, 2, 4), g.Input(F32, 1, 2, 4)
	u := Batch{Past: past, Mask: mask, Horizon: 3, Outputs: 1}.univariate()
	var seen *Tensor
	constant := func(r *Tensor, last bool) (*Tensor, *Tensor) {
		if last {
			seen = r
		}
		return g.Const(.5, 2, 4), g.Const(1, 2, 3)
	}
	y := doublyResidual(u, []block{constant, constant})
	got := run(t, g, []*Tensor{past, mask}, [][]float32{{1, 2, 3, 4, 5, 6, 7, 8}, {1, 1, 0, 1, 0, 1, 1, 1}}, seen, y)
	for i, want := range []float32{3.5, 0, 1.5, .5, 7.5, 6.5, 5.5, 0} {
		if got[0][i] != want {
			t.Errorf("residual %d is %g, want %g", i, got[0][i], want)
		}
	}
	for i, want := range []float32{6, 6, 6, 10, 10, 10} {
		if got[1][i] != want {
			t.Errorf("forecast %d is %g, want %g", i, got[1][i], want)
		}
	}
}
