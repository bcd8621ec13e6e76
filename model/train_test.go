package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"deeprc/collective"
)

// plainWindows are n windows that start one step apart in each of c rows of length len.
type plainWindows struct{ first, n, c, len int }

func (w plainWindows) Len() int { return w.n }
func (w plainWindows) Offsets(dst []int64, i int) {
	for c := range w.c {
		dst[c] = int64(c*w.len + w.first + i)
	}
}

const toyL, toyH, toyC, toyN = 24, 8, 3, 400

// toy is a few noisy sines, with missing targets if holes is set.
func toy(holes bool) Data {
	rnd := rand.New(rand.NewPCG(5, 6))
	s := make([]float32, toyC*toyN)
	for i := range s {
		s[i] = float32(math.Sin(float64(i%toyN)*2*math.Pi/12+float64(i/toyN)) + .1*rnd.NormFloat64())
	}
	if !holes {
		return Data{Past: s, Target: s}
	}
	y := slices.Clone(s)
	for i := range y {
		if i%37 == 0 {
			y[i] = float32(math.NaN())
		}
	}
	return Data{Past: s, Target: y}
}

var toyTrain, toyVal = plainWindows{0, 251, toyC, toyN}, plainWindows{280, 60, toyC, toyN}

func toyOptions() TrainOptions {
	return TrainOptions{Optimizer: "adam", LR: 3e-3, Batch: 32, Steps: 50, Loss: "mse", LossScale: "series", HuberDelta: 1, Season: 1, Quantile: .5, Schedule: "constant",
		StepSize: 10, Gamma: .5, Beta1: .9, Beta2: .999, Eps: 1e-8, LogEvery: 1}
}

func nets() map[string]Net {
	return map[string]Net{"nlinear": &NLinear{}, "dlinear": &DLinear{Kernel: 5}, "scaled": Scaled{&NLinear{}, "revin"}, "mlp": &MLP{Layers: 2, Hidden: 16},
		"nbeats": &NBEATS{Stacks: []string{"trend", "seasonality", "identity"}, Blocks: []int{2, 1, 1}, Layers: 1, Hidden: 16, Basis: "polynomial",
			Degree: 2, Harmonics: 1, Activation: "tanh", Shared: true},
		"nbeatsx":    &NBEATSx{Stacks: []string{"identity", "trend"}, Blocks: []int{1, 1}, Layers: 1, Hidden: 16, Degree: 2, Harmonics: 1, Activation: "sigmoid"},
		"nhits":      &NHITS{Blocks: []int{1, 1}, Pool: []int{2, 1}, Downsample: []int{4, 1}, Layers: 1, Hidden: 16, Pooling: "average", Interpolation: "linear", Activation: "softplus"},
		"lstm":       &LSTM{encoderDecoder{Layers: 2, Hidden: 16, Dropout: .1, DecoderLayers: 1}},
		"batch norm": &batchNet{Hidden: 16},
		"recursive":  Scaled{&GRU{encoderDecoder{Layers: 1, Hidden: 16, Recurrent: true, TrainHorizon: 3}}, "standard"}}
}

// trainToy trains on n ranks; it returns rank 0's history, parameters and fit.
func trainToy(t testing.TB, n int, net Net, o TrainOptions, d Data) (h *History, params []float32, fit *Fit) {
	t.Helper()
	err := collective.RunLocal(n, func(c collective.Comm) error {
		dev, err := CPU(1)
		if err != nil {
			return err
		}
		f, err := NewFit(dev, net, Shape{toyL, toyH, toyC, (o.Batch + n - 1) / n}, d, o, 1)
		if err != nil {
			return err
		}
		hist, err := Train(context.Background(), c, f, toyTrain, toyVal, 1, Hooks{})
		if c.Rank() == 0 {
			h, fit, params = hist, f, make([]float32, f.Params.Words())
			if e := f.GetParams(params); err == nil {
				err = e
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, params, fit
}

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol*(1e-3+math.Abs(a)) }

func TestRanksTrainAsOne(t *testing.T) {
	losses := []string{"rmse", "mse", "mae", "huber"}
	if testing.Short() { // TestOps has every loss's kernels
		losses = losses[:1]
	}
	for name, net := range nets() {
		for _, loss := range losses {
			o := toyOptions()
			o.Loss = loss
			want, params, _ := trainToy(t, 1, net, o, toy(true))
			if first, last := want.Records[0].Loss, want.Records[49].Loss; !(last < first/2) {
				t.Errorf("%s, %s: the loss fell only from %g to %g", name, loss, first, last)
			}
			for _, n := range []int{2, 3, 5} {
				got, p, _ := trainToy(t, n, net, o, toy(true))
				for i, r := range got.Records {
					if w := want.Records[i]; r.Val == r.Val && !near(w.Val, r.Val, 1e-4) || r.Loss == r.Loss && !near(w.Loss, r.Loss, 1e-5) {
						t.Fatalf("%s, %s, %d ranks: record %d is %+v, with one rank %+v", name, loss, n, i, r, w)
					}
				}
				for i := range p {
					if math.Abs(float64(p[i]-params[i])) > 1e-3 {
						t.Fatalf("%s, %s, %d ranks: parameter %d is %g, with one rank %g", name, loss, n, i, p[i], params[i])
					}
				}
			}
		}
	}
}

func TestSameSeedSameRun(t *testing.T) {
	_, a, _ := trainToy(t, 2, &DLinear{Kernel: 5}, toyOptions(), toy(false))
	_, b, _ := trainToy(t, 2, &DLinear{Kernel: 5}, toyOptions(), toy(false))
	if !slices.Equal(a, b) {
		t.Fatal("two runs from one seed differ")
	}
}

// A net's gradients are those of its loss, by finite differences of the whole Fit.
func TestNetGradients(t *testing.T) {
	for name, net := range nets() {
		if name == "mlp" {
			continue // its kinks lie closer than the differences; it is held to its reference
		}
		_, _, f := trainToy(t, 1, net, toyOptions(), toy(true))
		slab := make([]float32, f.Params.Words())
		if err := f.GetParams(slab); err != nil {
			t.Fatal(err)
		}
		lossSum := func() float64 {
			if err := f.SetParams(slab); err != nil {
				t.Fatal(err)
			}
			batchOffsets(f.at, f.weight, toyTrain, toyC, 20, func(i int) int { return 3 * i })
			must(t, f.step.WriteInts(f.stepAt, f.at))
			must(t, f.step.Write(f.stepW, f.weight))
			must(t, f.step.Run())
			var out [1]float32
			must(t, f.grads.Read(out[:], f.tail))
			return float64(out[0])
		}
		lossSum()
		grads := make([]float32, f.tail)
		must(t, f.grads.Read(grads, 0))
		for _, p := range f.Params.List {
			for _, i := range []int{p.Off, p.Off + p.Len()/2, p.Off + p.Len() - 1} {
				const h = 1e-2
				v := slab[i]
				slab[i] = v + h
				up := lossSum()
				slab[i] = v - h
				down := lossSum()
				slab[i] = v
				if want := (up - down) / (2 * h); math.Abs(want-float64(grads[i])) > 2e-2*(1+math.Abs(want)) {
					t.Errorf("%s: gradient of %s at %d is %g, finite differences say %g", name, p.Name, i-p.Off, grads[i], want)
				}
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStepDoesNotAllocate(t *testing.T) {
	if testing.Short() {
		t.Skip("short: a sanitizer allocates on its own account")
	}
	count := func(name string, f *Fit, ws Windows) {
		c := collective.Local(1)[0]
		pick := func(i int) int { return i }
		if n := testing.AllocsPerRun(20, func() {
			if _, err := f.Step(c, ws, Part{N: f.Batch, Pick: pick}, 1e-3); err != nil {
				t.Fatal(name, err)
			}
		}); n > 0 {
			t.Errorf("%s: a step allocates %g times", name, n)
		}
	}
	for name, net := range nets() {
		_, _, f := trainToy(t, 1, net, toyOptions(), toy(false))
		count(name, f, toyTrain)
	}
	d := famData()
	d.Deviation = func(int64) float32 { return 1 }
	ws := twoGroups{famN, famC, famX + famF, famS, famN - famL - famH + 1}
	for name, net := range families() {
		for _, loss := range []string{"mse", "nse", "studentt"} {
			o := toyOptions()
			o.Loss = loss
			f, err := NewFit(testCPU(t), net, Shape{famL, famH, famC, 10}, d, o, 1)
			must(t, err)
			count(name+" "+loss, f, ws)
		}
	}
}

func TestDivergenceNamesStepAndParameter(t *testing.T) {
	o := toyOptions()
	o.LR = 1e30
	dev, err := CPU(1)
	must(t, err)
	f, err := NewFit(dev, &NLinear{}, Shape{toyL, toyH, toyC, 32}, toy(false), o, 1)
	must(t, err)
	_, err = Train(context.Background(), collective.Local(1)[0], f, toyTrain, toyVal, 1, Hooks{})
	var d *DivergedError
	if !errors.As(err, &d) || d.Step != 2 || !strings.HasPrefix(d.Param, "linear.") || !(d.After > d.Before) {
		t.Fatalf("got %v", err)
	}
}

// The loss of a batch may be finite where its gradient is not: float32 ends at 3.4e38, and the squares of a norm earlier.
func TestGradientsThatOverflowAreADivergence(t *testing.T) {
	dev, err := CPU(1)
	must(t, err)
	d := toy(false)
	for i := range d.Past {
		d.Past[i] *= 1e11
	}
	f, err := NewFit(dev, &NLinear{}, Shape{toyL, toyH, toyC, 32}, d, toyOptions(), 1)
	must(t, err)
	_, err = Train(context.Background(), collective.Local(1)[0], f, toyTrain, toyVal, 1, Hooks{})
	var e *DivergedError
	if !errors.As(err, &e) || e.Step != 1 || !math.IsInf(e.Norm, 1) || !strings.Contains(err.Error(), "gradient's norm became +Inf at step 1") {
		t.Fatalf("got %v", err)
	}
}

func TestEarlyStoppingRestoresTheBest(t *testing.T) {
	o := toyOptions()
	o.LR, o.Steps, o.ValEvery, o.Patience = .5, 400, 5, 4 // too high a rate: validation soon wanders
	h, params, f := trainToy(t, 1, &NLinear{}, o, toy(false))
	if !h.Stopped || h.Steps == o.Steps {
		t.Fatalf("did not stop early: %d steps", h.Steps)
	}
	must(t, f.SetParams(params))
	v, err := f.MeanLoss(collective.Local(1)[0], toyVal)
	must(t, err)
	if v != h.Best {
		t.Fatalf("the parameters left give a validation loss of %g, the best was %g", v, h.Best)
	}
}

func TestCancelledTrainingKeepsTheBest(t *testing.T) {
	o := toyOptions()
	o.ValEvery = 10
	dev, err := CPU(1)
	must(t, err)
	f, err := NewFit(dev, &NLinear{}, Shape{toyL, toyH, toyC, 32}, toy(false), o, 1)
	must(t, err)
	ctx, cancel := context.WithCancelCause(context.Background())
	h, err := Train(ctx, collective.Local(1)[0], f, toyTrain, toyVal, 1, Hooks{Progress: func(step, _ int, _ float64) {
		if step == 25 {
			cancel(errors.New("interrupt received"))
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "step 25 of 50") || !strings.Contains(err.Error(), "interrupt received") {
		t.Fatalf("got %v", err)
	}
	if h.Steps != 25 || h.BestStep != 20 {
		t.Fatalf("history %+v", h)
	}
}

// One rank of three is told to stop: all stop after the same update, and say so.
func TestCancelledRankStopsAll(t *testing.T) {
	o := toyOptions()
	var steps [3]int
	var saved *State
	err := collective.RunLocal(3, func(c collective.Comm) error {
		dev, err := CPU(1)
		if err != nil {
			return err
		}
		defer dev.Close()
		f, err := NewFit(dev, &NLinear{}, Shape{toyL, toyH, toyC, (o.Batch + 2) / 3}, toy(false), o, 1)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		hooks := Hooks{Progress: func(step, _ int, _ float64) {
			if step == 25 && c.Rank() == 1 {
				cancel(errors.New("interrupt received"))
			}
		}}
		if c.Rank() == 0 {
			hooks.Save = func(s *State) error { saved = s; return nil }
		}
		h, err := Train(ctx, c, f, toyTrain, toyVal, 1, hooks)
		steps[c.Rank()] = h.Steps
		want := "stopped at step 26 of 50: another rank was told to"
		if c.Rank() == 1 {
			want = "stopped at step 26 of 50: interrupt received"
		}
		if !errors.Is(err, ErrStopped) || err.Error() != want {
			return fmt.Errorf("got %v, want %s", err, want)
		}
		return nil
	})
	must(t, err)
	if steps != [3]int{26, 26, 26} || saved == nil || saved.History.Steps != 26 || saved.Finished {
		t.Fatalf("steps %v, checkpoint %+v", steps, saved)
	}
}

func TestLastBatchIsNotDropped(t *testing.T) {
	o := toyOptions()
	o.Steps, o.Epochs, o.Batch = 0, 2, 100 // 251 windows: 100, 100, 51
	h, _, _ := trainToy(t, 3, &NLinear{}, o, toy(false))
	if h.Steps != 6 {
		t.Fatalf("%d steps for two epochs of 251 windows in batches of 100, want 6", h.Steps)
	}
}

func TestBatchWithoutTargetsIsSkipped(t *testing.T) {
	d := toy(false)
	d.Target = slices.Clone(d.Past)
	for i := range d.Target {
		if i%toyN < 250 { // the train windows' targets
			d.Target[i] = float32(math.NaN())
		}
	}
	o := toyOptions()
	o.Batch = 1
	h, params, f := trainToy(t, 2, &NLinear{}, o, d)
	if n := len(h.Records); n >= o.Steps || h.Steps != o.Steps {
		t.Fatalf("%d records of %d steps", n, h.Steps)
	}
	for _, p := range f.Params.List {
		if math.IsNaN(p.RMS(params)) {
			t.Fatal("parameters became NaN")
		}
	}
	for i := range d.Target {
		d.Target[i] = float32(math.NaN())
	}
	if _, err := f.MeanLoss(collective.Local(1)[0], toyVal); err == nil {
		t.Fatal("a validation without targets gave a number")
	}
}
