package model

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
)

// lossCases are every loss on two channels of 21 steps; the second window weighs nothing in some.
var lossCases = func() (cases []opCase) {
	for _, l := range []Loss{{Kind: "mse"}, {Kind: "mae"}, {Kind: "huber", Delta: .7}, {Kind: "mape"}, {Kind: "smape"},
		{Kind: "quantile", Quantiles: []float64{.2}}, {Kind: "mqloss", Quantiles: []float64{.1, .5, .9}},
		{Kind: "normal"}, {Kind: "studentt"}, {Kind: "poisson"}, {Kind: "negativebinomial"}} {
		kink := slices.Contains([]string{"mae", "mape", "smape", "quantile"}, l.Kind)
		c := opCase{name: l.Kind, shapes: [][]int{{2, 2, 21 * l.Outputs()}, {2, 2, 21}, {2}}, data: []int{1, 2}, kink: kink, perf: [][]int{{32, 7, 96 * l.Outputs()}, {32, 7, 96}, {32}},
			build: func(in []*Tensor) *Tensor { return l.Of(in[0], in[1], in[2], nil) }}
		if l.Kind == "mape" || l.Kind == "smape" || losses[l.Kind].counts {
			c.domain = func(x float32) float32 { return 1 + float32(math.Floor(float64(3*x*x))) }
		}
		if l.Kind == "normal" || l.Kind == "studentt" { // what is a deviation is above 0, and finite differences need a likelihood that is not too steep
			c.domain = func(x float32) float32 { return 1.5 + x/(1+float32(math.Abs(float64(x)))) }
		}
		if l.Kind == "mqloss" { // finite differences cannot cross a kink
			c.domain, c.kink = func(x float32) float32 { return float32(math.Round(float64(x)*5))/5 + .05 }, false
			c.shapes[1] = []int{2, 2, 21}
			c.build = func(in []*Tensor) *Tensor { return l.Of(in[0], in[1].Shift(.1), in[2], nil) }
		}
		if want, ok := lossFormulas[l.Kind]; ok {
			c.want = lossWant(want)
		}
		cases = append(cases, c)
	}
	return append(cases, opCase{name: "loss with a divisor", shapes: [][]int{{2, 2, 21}, {2, 2, 21}, {2}, {2, 2}}, data: []int{1, 2},
		build: func(in []*Tensor) *Tensor { return Loss{Kind: "mse"}.Of(in[0], in[1], in[2], in[3].Pow(2).Shift(1)) }})
}()

var lossFormulas = map[string]func(p, t float64) float64{
	"mse":   func(p, t float64) float64 { return (p - t) * (p - t) },
	"mae":   func(p, t float64) float64 { return math.Abs(p - t) },
	"mape":  func(p, t float64) float64 { return math.Abs(p-t) / math.Abs(t) },
	"smape": func(p, t float64) float64 { return 2 * math.Abs(p-t) / (math.Abs(p) + math.Abs(t)) },
	"huber": func(p, t float64) float64 {
		if d := math.Abs(p - t); d > .7 {
			return .7 * (d - .35)
		}
		return (p - t) * (p - t) / 2
	},
	"quantile": func(p, t float64) float64 { return max(.2*(t-p), -.8*(t-p)) },
}

// lossWant is {Σ w·e(p, t), Σ w} over targets that are not NaN, two channels a window.
func lossWant(e func(p, t float64) float64) func(in [][]float32) []float64 {
	return func(in [][]float32) []float64 {
		y := make([]float64, 2)
		for i, t := range in[1] {
			if w := float64(in[2][i/42]); t == t && w != 0 {
				y[0] += w * e(float64(in[0][i]), float64(t))
				y[1] += w
			}
		}
		return y
	}
}

func TestGamma(t *testing.T) {
	for x := 1e-3; x < 1e6; x *= 1.07 {
		want, _ := math.Lgamma(x)
		if got := lnGamma(x); math.Abs(got-want) > 1e-14*max(1, math.Abs(want)) {
			t.Errorf("ln Γ(%g) is %g, want %g", x, got, want)
		}
		// ψ(2x) = ψ(x)/2 + ψ(x + 1/2)/2 + ln 2 (Abramowitz and Stegun 1964, 6.3.8)
		got, want := digamma(2*x), (digamma(x)+digamma(x+.5))/2+math.Ln2
		if math.Abs(got-want) > 1e-13*max(1, math.Abs(digamma(x))) {
			t.Errorf("ψ(%g) is %g, its halves say %g", 2*x, got, want)
		}
	}
	if got := digamma(1); math.Abs(got+0.57721566490153286061) > 1e-13 {
		t.Errorf("ψ(1) is %g", got)
	}
}

// Quantiles against the density summed up, and columns as NeuralForecast names them.
func TestForecastColumns(t *testing.T) {
	o := TrainOptions{Loss: "normal", Levels: []float64{80, 90}}
	want := []string{"", "-lo-90", "-lo-80", "-median", "-hi-80", "-hi-90"}
	if got := ColumnNames(o.Columns()); !slices.Equal(got, want) {
		t.Errorf("columns %q, want %q", got, want)
	}
	o.Loss = "mqloss"
	if got := ColumnNames(o.Columns()); !slices.Equal(got, want) {
		t.Errorf("columns %q, want %q", got, want)
	}
	cells := make([]float64, 6)
	o.loss().Forecast(cells, []float32{1, 2, 3, 4, 5})
	if !slices.Equal(cells, []float64{3, 1, 2, 3, 4, 5}) {
		t.Errorf("quantiles forecast %v", cells)
	}
	for kind, params := range map[string][]float32{"normal": {.3, .9}, "studentt": {3.3, .3, .9}, "poisson": {2}, "negativebinomial": {2, .3}} {
		l := Loss{Kind: kind, Quantiles: levelQuantiles([]float64{80})}
		cells := make([]float64, 4)
		l.Forecast(cells, params)
		k := losses[kind]
		step, from, sum, mean := .001, -60., 0., 0.
		if k.counts {
			step, from = 1, 0
		}
		below := []float64{0, 0, 0} // probability up to each quantile
		for y := from; y < 80; y += step {
			p := math.Exp(-logLikelihood(k.kernel, params, y)) * step
			sum, mean = sum+p, mean+p*y
			for i, q := range cells[1:] {
				if y <= q {
					below[i] += p
				}
			}
			if k.counts {
				for i, q := range []float64{.1, .5, .9} {
					if y == cells[1+i] && (below[i] < q || below[i]-p >= q) {
						t.Errorf("%s: quantile %g is %g, where %g of it lies", kind, q, y, below[i])
					}
				}
			}
		}
		if math.Abs(sum-1) > 2e-3 || math.Abs(mean-cells[0]) > 2e-3 {
			t.Errorf("%s: probabilities sum to %g, mean %g, forecast %g", kind, sum, mean, cells[0])
		}
		for i, q := range []float64{.1, .5, .9} {
			if !k.counts && math.Abs(below[i]-q) > 2e-3 {
				t.Errorf("%s: %g of it lies below quantile %g", kind, below[i], q)
			}
		}
	}
}

func TestLossOptions(t *testing.T) {
	for _, c := range []struct {
		change func(o *TrainOptions)
		want   string
	}{
		{func(o *TrainOptions) { o.Loss = "msee" }, "loss"},
		{func(o *TrainOptions) { o.LossScale = "windows" }, "loss_scale"},
		{func(o *TrainOptions) { o.LossScale, o.Loss = "window", "nse" }, "loss_scale"},
		{func(o *TrainOptions) { o.LossScale, o.Loss = "window", "studentt" }, "loss_scale"},
		{func(o *TrainOptions) { o.Season = 0 }, "mase_season"},
		{func(o *TrainOptions) { o.Quantile = 1 }, "quantile"},
		{func(o *TrainOptions) { o.Levels = []float64{80, 80} }, "levels"},
		{func(o *TrainOptions) { o.Quantiles = []float64{.1, .9} }, "quantiles"},
		{func(o *TrainOptions) { o.Quantiles = []float64{.5, 1.5} }, "quantiles"},
	} {
		o := TrainOptions{Loss: "mse", LossScale: "series", HuberDelta: 1, Season: 1, Quantile: .5, Levels: []float64{80}}
		must(t, o.checkLoss())
		c.change(&o)
		if err := o.checkLoss(); err == nil || !strings.HasPrefix(err.Error(), c.want+" =") {
			t.Errorf("%+v: error %v, want one of %s", o, err, c.want)
		}
	}
}

// A root of the mean trains with the gradient of the root, and nse with the deviation of a series.
func TestGradientOfLossesThatAreNoMean(t *testing.T) {
	data := make([]float32, 200)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range data {
		data[i] = float32(rnd.NormFloat64())
	}
	ws := goldenWindows{12, 1, 16}
	fit := func(kind string) (loss, norm float64) {
		o := TrainOptions{Optimizer: "adam", LR: 1e-3, Loss: kind, Beta1: .9, Beta2: .999, Eps: 1e-8, Season: 2}
		f, err := NewFit(testCPU(t), &NLinear{}, Shape{12, 4, 1, 12}, Data{Past: data, Target: data, Deviation: func(int64) float32 { return 1 }}, o, 1)
		must(t, err)
		loss, err = f.Step(collective.Local(1)[0], ws, Part{N: 12, Pick: func(i int) int { return i }}, 1e-3)
		must(t, err)
		norm, err = f.GradientNorm()
		must(t, err)
		return loss, norm
	}
	mse, norm := fit("mse")
	root, rootNorm := fit("rmse")
	if math.Abs(root-math.Sqrt(mse)) > 1e-6 || math.Abs(rootNorm-norm/(2*root)) > 1e-5 {
		t.Errorf("mse %g with gradient %g, rmse %g with gradient %g", mse, norm, root, rootNorm)
	}
	if nse, nseNorm := fit("nse"); math.Abs(nse-mse/1.21) > 1e-6 || math.Abs(nseNorm-norm/1.21) > 1e-5 {
		t.Errorf("mse %g with gradient %g, nse with deviation 1 %g with gradient %g", mse, norm, nse, nseNorm)
	}
}
