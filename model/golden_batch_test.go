package model

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// outputs is K, the values of a step that the file's net forecasts.
func (g *golden) outputs() int {
	if shape := g.arrays["output"].Shape; len(shape) == 4 {
		return shape[3]
	}
	return 1
}

// recursive says whether training gives the net the steps before.
func (g *golden) recursive(t testing.TB) bool {
	r, ok := g.net(t).(Recursive)
	return ok && r.Steps() > 0
}

// batch is the file's batch: of training, where a recursive net is given what was measured, or else of a forecast over horizon steps. leaf
// makes a tensor of values.
func (g *golden) batch(t testing.TB, horizon int, training bool, leaf func(values []float32, shape ...int) *Tensor) Batch {
	t.Helper()
	input := func(name string) *Tensor {
		a, ok := g.arrays["input."+name]
		if !ok {
			return nil
		}
		return leaf(a.Data.([]float32), a.Shape...)
	}
	b := Batch{Horizon: horizon, Outputs: g.outputs(), Static: input("stat"), Loss: Loss{Kind: strings.ToLower(g.Distribution)}}
	switch g.Kind {
	case "cudalstm", "ealstm": // what they read is known for the steps that they forecast
		b.Future = input("hist")
		b.Past = leaf(make([]float32, b.Future.Shape[0]*g.Channels*(g.Lookback-horizon)), b.Future.Shape[0], g.Channels, g.Lookback-horizon)
		return b
	case "deeprc_lstm": // the first columns stand for the targets' past
		x := input("hist")
		b.Past, b.Hist = x.Slice(1, 0, g.Channels), x.Slice(1, g.Channels, x.Shape[1])
		return b
	}
	b.Past, b.Hist, b.Future = input("past"), input("hist"), input("futr")
	if g.Channels > 1 { // the reference has columns for each channel: so many of the window
		for _, x := range []**Tensor{&b.Hist, &b.Future} {
			if *x != nil {
				s := (*x).Shape
				*x = (*x).Reshape(s[0], s[1]*s[2], s[3])
			}
		}
		if b.Static != nil { // (C, S), the same for all windows
			b.Static = b.Static.Reshape(1, b.Static.Len()).Expand(b.Past.Shape[0], b.Static.Len())
		}
	}
	if training && horizon > 1 {
		y := input("target").Slice(2, 0, horizon-1)
		b.Past = Concat(2, b.Past, Where(y.Equal(y), y, y.g.Const(0, 1)))
	}
	return b
}

// byGraph forecasts and trains the net on the file's arrays directly: exogenous columns and several outputs included.
func (g *golden) byGraph(t testing.TB) goldenRun {
	t.Helper()
	r := goldenRun{params: NewParams("parameters"), by: "output"}
	grads := &Region{Name: "gradients"}
	var step, update Graph
	inputs := map[*Tensor][]float32{}
	leaf := func(values []float32, shape ...int) *Tensor {
		x := step.Input(F32, shape...)
		inputs[x] = values
		return x
	}
	var pred, loss, norm *Tensor
	var stepP, updateP *Program
	var m, v *Region
	count, hyper := update.Input(F32, 1), update.Input(F32, 3)
	must(t, Build(func() {
		s := NewScope(&step, r.params)
		if _, differs := g.arrays["evaluated"]; differs || g.Kind == "timesnet" { // what the net does in training only; no dropout; the reference of timesnet has the periods of a batch in forecasts, too
			windows := g.arrays["input.target"].Shape[0]
			s.train = &training{windows: windows, weight: step.Const(1, windows), ranks: &ranks{}, batch: map[*Param]statistic{}}
		}
		b, forward := g.batch(t, g.Horizon, g.recursive(t), leaf), g.net(t).Forward
		if g.recursive(t) {
			forward = g.net(t).(Recursive).Learn
		}
		pred = forward(s, b)
		y := g.arrays["input.target"]
		loss = g.meanLoss(t, pred, leaf(y.Data.([]float32), y.Shape...).Slice(2, 0, g.Horizon), b.Outputs)
		n := r.params.Region.N
		grads.N = n
		outs := []*Tensor{pred, loss}
		for i, d := range step.Gradients(loss, s.Leaves()...) {
			outs = append(outs, step.Store(d, grads, r.params.List[i].Off))
		}
		stepP = step.Plan(align, outs...)
		m, v = &Region{"moment 1", n}, &Region{"moment 2", n}
		norm = TrainOptions{Beta1: .9, Beta2: .999, Eps: 1e-8}.adam().of(update.At(r.params.Region, 0, n), update.At(grads, 0, n), update.At(m, 0, n), update.At(v, 0, n), count, hyper)
		updateP = update.Plan(align, norm)
	}))
	dev := testCPU(t)
	bind := map[*Region]Mem{}
	for _, region := range []*Region{r.params.Region, grads, m, v} {
		mem, err := dev.Alloc(region.N)
		must(t, err)
		bind[region] = mem
	}
	must(t, bind[r.params.Region].Write(0, g.weights(t, r.params)[:r.params.Region.N]))
	forward, err := dev.Compile(stepP, bind)
	must(t, err)
	adam, err := dev.Compile(updateP, bind)
	must(t, err)
	for x, d := range inputs {
		if _, ok := stepP.place[x]; ok { // read by the net
			must(t, forward.Write(x, d))
		}
	}
	must(t, adam.Write(count, []float32{1}))
	for i := range g.arrays["losses"].Data.([]float64) {
		must(t, forward.Run())
		var value [1]float32
		must(t, forward.Read(value[:], loss))
		r.losses = append(r.losses, float64(value[0]))
		if i == 0 {
			r.forecast, r.gradient = make([]float32, pred.Len()), make([]float32, grads.N)
			must(t, forward.Read(r.forecast, pred))
			must(t, bind[grads].Read(r.gradient, 0))
		}
		n := float64(i + 1)
		must(t, adam.Write(hyper, []float32{float32(g.Rate), float32(1 - math.Pow(.9, n)), float32(1 - math.Pow(.999, n))}))
		must(t, adam.Run())
	}
	return r
}

// drawn gives each graph the whole numbers that the reference drew, in its order.
func (g *golden) drawn(t testing.TB) func(s *Scope, of int, shape ...int) *Tensor {
	count := map[*Graph]int{}
	return func(s *Scope, _ int, shape ...int) *Tensor {
		a := g.arrays["drawn."+strconv.Itoa(count[s.g])]
		count[s.g]++
		if !slices.Equal(a.Shape, shape) {
			t.Fatalf("draw %d is of %v, the reference's of %v", count[s.g]-1, shape, a.Shape)
		}
		return s.g.ints(wholes{at: a.Data.([]int64)}, shape)
	}
}

// wholes are whole numbers that never change.
type wholes struct {
	noGrad
	at []int64
}

func (o wholes) CPU(_ *Pool, y Array, _ []Array) { copy(y.I, o.at) }

// meanLoss is the file's loss of pred (B, C, H·K) over the targets (B, C, H) that are not NaN.
func (g *golden) meanLoss(t testing.TB, pred, target *Tensor, K int) *Tensor {
	t.Helper()
	valid, steps := 0, g.arrays["input.target"].Shape[2]
	for i, v := range g.floats(t, "input.target") {
		if v == v && i%steps < target.Last() {
			valid++
		}
	}
	there := target.Equal(target).Unsqueeze(3) // (B, C, H, 1)
	y := Where(target.Equal(target), target, target.g.Const(0, 1)).Unsqueeze(3)
	flat := pred                                          // (B, C, H·K)
	pred = pred.Reshape(append(target.Shape[:3:3], K)...) // (B, C, H, K)
	var e *Tensor
	switch {
	case g.Loss == "MAE":
		e = pred.Sub(y).Abs()
	case g.Loss == "MSE":
		e = pred.Sub(y).Pow(2)
		if g.Kind == "cudalstm" { // NeuralHydrology halves it
			e = e.Scale(.5)
		}
	case g.Loss == "MQLoss":
		return meanLoss(Loss{Kind: "mqloss", Quantiles: g.Quantiles}, float32(valid))([]*Tensor{flat, target})[0]
	case g.Loss == "DistributionLoss":
		l := Loss{Kind: strings.ToLower(g.Distribution)}
		return meanLoss(l, float32(valid))([]*Tensor{l.outputs(flat, nil), target})[0]
	case g.Loss == "NSE":
		w := make([]float32, len(g.floats(t, "input.std")))
		for i, σ := range g.floats(t, "input.std") {
			w[i] = float32(math.Pow(float64(σ)+.1, -2))
		}
		e = pred.Sub(y).Pow(2).Mul(pred.g.Literal(w, len(w), 1, 1, 1))
	default:
		t.Fatalf("no loss here is the reference's %s %s", g.Loss, g.Distribution)
	}
	return e.Mul(there).Sum().Scale(1 / float32(valid)).Reshape(1)
}

// From the reference's weights, what a recursive net forecasts step by step.
func TestRecursionAgainstItsReference(t *testing.T) {
	for _, c := range goldenNets {
		g := readGolden(t, c)
		want, ok := g.arrays["recursion"].Data.([]float32)
		if !ok {
			continue
		}
		t.Run(c, func(t *testing.T) {
			horizon := g.arrays["recursion"].Shape[2]
			var graph Graph
			params, inputs := NewParams("parameters"), map[*Tensor][]float32{}
			var points *Tensor
			must(t, Build(func() {
				b := g.batch(t, horizon, false, func(values []float32, shape ...int) *Tensor {
					x := graph.Input(F32, shape...)
					inputs[x] = values
					return x
				})
				y := g.net(t).Forward(NewScope(&graph, params), b) // (B, C, H·K)
				points = b.Loss.Point(y.Reshape(b.Past.Shape[0], b.Past.Shape[1], horizon, b.Outputs))
			}))
			p := graph.Plan(align, points)
			mem, err := testCPU(t).Alloc(params.Region.N)
			must(t, err)
			must(t, mem.Write(0, g.weights(t, params)))
			r, err := testCPU(t).Compile(p, map[*Region]Mem{params.Region: mem})
			must(t, err)
			for x, d := range inputs {
				if _, ok := p.place[x]; ok {
					must(t, r.Write(x, d))
				}
			}
			must(t, r.Run())
			got := make([]float32, points.Len())
			must(t, r.Read(got, points))
			same(t, "recursion", got, want, 1e-5, largest(want))
		})
	}
}
