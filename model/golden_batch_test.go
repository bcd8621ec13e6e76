package model

import (
	"math"
	"testing"
)

// outputs is K, the values of a step that the file's net forecasts.
func (g *golden) outputs(t testing.TB) int {
	return len(g.floats(t, "output")) / len(g.floats(t, "input.target"))
}

// byGraph forecasts and trains the net on the file's arrays directly: exogenous columns and several outputs included.
func (g *golden) byGraph(t testing.TB) goldenRun {
	t.Helper()
	r := goldenRun{params: NewParams("parameters")}
	grads := &Region{Name: "gradients"}
	var step, update Graph
	inputs := map[*Tensor][]float32{}
	input := func(name string) *Tensor {
		a, ok := g.arrays["input."+name]
		if !ok {
			return nil
		}
		x := step.Input(F32, a.Shape...)
		inputs[x] = a.Data.([]float32)
		return x
	}
	var pred, loss, norm *Tensor
	var stepP, updateP *Program
	var m, v *Region
	count, hyper := update.Input(F32, 1), update.Input(F32, 3)
	must(t, Build(func() {
		s := NewScope(&step, r.params)
		b := Batch{Past: input("past"), Hist: input("hist"), Future: input("futr"), Static: input("stat"), Horizon: g.Horizon, Outputs: g.outputs(t)}
		pred = g.net(t).Forward(s, b)
		loss = g.meanLoss(t, pred, input("target"), b.Outputs)
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
	must(t, bind[r.params.Region].Write(0, g.weights(t, r.params)))
	forward, err := dev.Compile(stepP, bind)
	must(t, err)
	adam, err := dev.Compile(updateP, bind)
	must(t, err)
	for x, d := range inputs {
		must(t, forward.Write(x, d))
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

// meanLoss is the file's loss of pred (B, C, H·K) over the targets (B, C, H) that are not NaN.
func (g *golden) meanLoss(t testing.TB, pred, target *Tensor, K int) *Tensor {
	t.Helper()
	valid := 0
	for _, v := range g.floats(t, "input.target") {
		if v == v {
			valid++
		}
	}
	there := target.Equal(target).Unsqueeze(3) // (B, C, H, 1)
	y := Where(target.Equal(target), target, target.g.Const(0, 1)).Unsqueeze(3)
	pred = pred.Reshape(append(target.Shape[:3:3], K)...) // (B, C, H, K)
	var e *Tensor
	switch {
	case g.Loss == "MAE":
		e = pred.Sub(y).Abs()
	case g.Loss == "MSE":
		e = pred.Sub(y).Pow(2)
	case g.Loss == "MQLoss": // the sum over quantiles
		q := make([]float32, K)
		for i, v := range g.Quantiles {
			q[i] = float32(v)
		}
		d := y.Sub(pred)
		e = d.Mul(pred.g.Literal(q, K)).Sub(d.Minimum(pred.g.Const(0, 1)))
	case g.Loss == "DistributionLoss" && g.Distribution == "Normal": // −ln p, the deviation by softplus, and 0.2 more
		σ := pred.Slice(3, 1, 2).Softplus().Shift(.2)
		z := y.Sub(pred.Slice(3, 0, 1)).Div(σ)
		e = z.Pow(2).Scale(.5).Add(σ.Log()).Shift(float32(math.Log(2*math.Pi) / 2))
	default:
		t.Fatalf("no loss here is the reference's %s %s", g.Loss, g.Distribution)
	}
	return e.Mul(there).Sum().Scale(1 / float32(valid)).Reshape(1)
}
