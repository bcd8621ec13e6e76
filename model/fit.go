package model

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"deeprc/collective"
)

// A Fit is a net with its parameters, its optimizer state and its three
// Programs on a Device: loss and gradients, update, forecast. The gradient
// AllReduce stands between the first two.
type Fit struct {
	Net                          Net
	Loss                         Loss
	Params                       *Params
	Lookback, Horizon, Channels  int
	Batch                        int // windows of one rank's part of a batch
	dev                          Device
	data                         Data
	params, buffers              Mem
	grads                        Mem   // gradients, then {Σ loss, Σ count, ranks that want to stop}
	ranks                        ranks // of the step under way
	moments                      [2]Mem
	tail                         int // where the gradient slab's loss and count stand
	step, update, loss, forecast Runner
	stepAt, stepW, stepDev       *Tensor
	stepDrop                     *Tensor // nil where the net drops nothing
	hyper, norm2                 *Tensor
	lossAt, lossW, lossDev       *Tensor
	lossOut                      *Tensor
	castAt, castOut              *Tensor
	castDraw                     *Tensor  // nil where the net draws no paths
	paths                        int      // drawn of each channel for a forecast
	draw                         *drawing // nil until samples are asked for
	rows                         int      // offsets of a window
	at                           []int64
	weight, out                  []float32
	deviation                    []float32
	cells                        []float64
	sum                          [2]float32
	vote                         [1]float32
	stop                         bool // a rank wanted to stop at the last Step; the same on all
	rate                         [3]float32
	seed                         uint64
	drawAt                       [3]int64 // of dropout or paths
	opt                          TrainOptions
	steps                        int // updates made
}

// Shape is what a Fit is compiled for.
type Shape struct {
	Lookback, Horizon, Channels int
	Batch                       int // windows of one rank's part of a batch
}

// NewFit builds the net's graphs, compiles them on dev and draws initial parameters from seed.
func NewFit(dev Device, n Net, sh Shape, data Data, opt TrainOptions, seed uint64) (*Fit, error) {
	f, err := newFit(dev, n, sh, data, opt, seed, true)
	if err != nil {
		return nil, err
	}
	return f, f.SetParams(f.Params.Initial(seed))
}

// NewForecaster is NewFit for parameters that are known: the fit forecasts, once [Fit.SetParams] was called, and cannot be trained.
func NewForecaster(dev Device, n Net, sh Shape, data Data, opt TrainOptions, seed uint64) (*Fit, error) {
	return newFit(dev, n, sh, data, opt, seed, false)
}

// newFit is a fit whose parameters are zero. One that does not train has the forecast's Program only.
func newFit(dev Device, n Net, sh Shape, data Data, opt TrainOptions, seed uint64, trains bool) (*Fit, error) {
	f := &Fit{Net: n, Params: NewParams("parameters"), Lookback: sh.Lookback, Horizon: sh.Horizon,
		Channels: sh.Channels, Batch: sh.Batch, dev: dev, data: data, opt: opt,
		rows: data.rows(sh.Channels), weight: make([]float32, sh.Batch), seed: seed,
		Loss: opt.loss()}
	scaled, ok := n.(Scaled)
	if !ok {
		scaled = Scaled{n, "identity"}
		n = scaled
	}
	f.at = make([]int64, f.Batch*f.rows)
	loss := f.Loss
	f.cells = make([]float64, len(loss.Columns()))
	if r, ok := n.(Sampler); ok {
		f.paths = r.Paths(loss)
	}
	outputs := loss.Outputs()
	if f.paths > 0 {
		outputs = f.paths
	}
	f.out = make([]float32, sh.Batch*sh.Channels*sh.Horizon*outputs)
	if err := loss.checkTargets(data.Target); err != nil {
		return nil, err
	}
	if loss.Kind == "nse" && data.Deviation == nil {
		return nil, errors.New("model: loss nse: the data has no deviation of each series")
	}
	if loss.Kind == "nse" {
		f.deviation = make([]float32, f.Batch*f.Channels)
	}
	past, inputs := &Region{"past", len(data.Past)}, &Region{"inputs", len(data.Inputs)}
	target := past
	if unsafe.SliceData(data.Past) != unsafe.SliceData(data.Target) {
		target = &Region{"target", len(data.Target)}
	}
	grads, stats := &Region{Name: "gradients"}, &Region{Name: "statistics of the batch"}
	var stepG, lossG, castG, updG Graph
	var stepP, lossP, castP, updP *Program
	var m, v *Region
	err := Build(func() {
		learn, T, known := learner(n, f.Horizon)
		record := func(s *Scope, forward func(s *Scope, b Batch) *Tensor, known, steps int) (at *Tensor, b Batch, pred *Tensor) {
			at = s.g.Input(I64, f.Batch, f.rows)
			b = data.batch(s.g, past, target, inputs, at, f.Channels, f.Lookback, known, steps, loss)
			return at, b, forward(s, b) // (B, C, T·K)
		}
		measure := func(g *Graph, w, at *Tensor, b Batch, pred *Tensor, steps int, scale *windowScale) (d, l *Tensor) {
			if loss.Kind == "nse" {
				d = g.Input(F32, f.Batch, f.Channels)
			}
			y := g.At(target, 0, target.N).GatherRows(at, 0, f.Channels, f.Lookback, steps) // (B, C, T)
			if scale != nil {
				pred, y = scale.apply(pred), scale.apply(y)
			}
			return d, loss.Of(pred, y, w, loss.Divisor(b.Past.Slice(2, 0, f.Lookback), d))
		}
		s := NewScope(&stepG, f.Params)
		f.stepW = stepG.Input(F32, f.Batch)
		s.train = &training{windows: f.Batch, state: stepG.Input(I64, 3), weight: f.stepW, ranks: &f.ranks, batch: map[*Param]statistic{}}
		var b Batch
		var pred, l *Tensor
		f.stepAt, b, pred = record(s, learn, known, T)
		if s.train.dropped > 0 {
			f.stepDrop = s.train.state
		}
		f.tail = f.Params.Region.N
		cast := n.Forward
		if f.paths > 0 {
			f.castDraw = castG.Input(I64, 3)
			cast = func(s *Scope, b Batch) *Tensor { return n.(Sampler).Sample(s, b, f.castDraw) }
		}
		f.castAt, _, f.castOut = record(NewScope(&castG, f.Params), cast, 0, f.Horizon)
		castP = castG.Plan(0, f.castOut)
		if !trains {
			return
		}

		var scale *windowScale
		if opt.LossScale == "window" {
			scale = scaled.windowScale(b, f.Lookback)
		}
		f.stepDev, l = measure(&stepG, f.stepW, f.stepAt, b, pred, T, scale)
		grads.N = f.tail + align
		outs := []*Tensor{stepG.Store(l, grads, f.tail)}
		for i, d := range stepG.Gradients(l, s.Leaves()...) {
			outs = append(outs, stepG.Store(d, grads, f.Params.List[i].Off))
		}
		stats.N = f.Params.Buffers.N
		for _, q := range f.Params.Running {
			outs = append(outs, stepG.Store(s.train.batch[q].batch, stats, q.Off))
		}
		stepP = stepG.Plan(0, outs...)

		f.lossAt, b, pred = record(NewScope(&lossG, f.Params), n.Forward, 0, f.Horizon)
		f.lossW = lossG.Input(F32, f.Batch)
		f.lossDev, f.lossOut = measure(&lossG, f.lossW, f.lossAt, b, pred, f.Horizon, nil)
		lossP = lossG.Plan(0, f.lossOut)

		m, v = &Region{"moment 1", f.tail}, &Region{"moment 2", f.tail}
		f.hyper = updG.Input(F32, 3)
		f.norm2 = opt.adam().of(updG.At(f.Params.Region, 0, f.tail), updG.At(grads, 0, f.tail),
			updG.At(m, 0, f.tail), updG.At(v, 0, f.tail), loss.Slope(updG.At(grads, f.tail, 2)), f.hyper)
		updates := []*Tensor{f.norm2}
		if n := stats.N; n > 0 {
			updates = append(updates, runningAverage(updG.At(f.Params.Buffers, 0, n), updG.At(stats, 0, n), s.train.momenta(&updG, f.Params)))
		}
		updP = updG.Plan(0, updates...)
	})
	if err != nil {
		return nil, err
	}
	bind := map[*Region]Mem{past: Shared(data.Past), target: Shared(data.Target), inputs: Shared(data.Inputs)}
	regions := []*Region{f.Params.Region, f.Params.Buffers}
	if trains {
		regions = append(regions, stats, grads, m, v)
	}
	for _, r := range regions {
		if bind[r], err = dev.Alloc(r.N); err != nil {
			return nil, err
		}
	}
	f.params, f.buffers = bind[f.Params.Region], bind[f.Params.Buffers]
	if trains {
		f.grads, f.moments = bind[grads], [2]Mem{bind[m], bind[v]}
	}
	for _, c := range []struct {
		p *Program
		r *Runner
	}{{stepP, &f.step}, {lossP, &f.loss}, {castP, &f.forecast}, {updP, &f.update}} {
		if c.p == nil {
			continue
		}
		if *c.r, err = dev.Compile(c.p, bind); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// SetParams writes a slab of parameters and buffers.
func (f *Fit) SetParams(slab []float32) error {
	if err := f.params.Write(0, slab[:f.Params.Region.N]); err != nil {
		return err
	}
	return f.buffers.Write(0, slab[f.Params.Region.N:])
}

// GetParams reads parameters and buffers into slab, of Params.Words() words.
func (f *Fit) GetParams(slab []float32) error {
	if err := f.params.Read(slab[:f.Params.Region.N], 0); err != nil {
		return err
	}
	return f.buffers.Read(slab[f.Params.Region.N:], 0)
}

// A Part is one rank's part of a global batch of windows.
type Part struct {
	Batch    int             // number of the global batch, from 0
	First, N int             // windows of it before the part, and in it
	Pick     func(i int) int // window i of the part
	Stop     bool            // this rank wants to stop after the batch, which all ranks know then
}

// Step trains on one global batch, of which this rank computes part, of at most
// Batch windows: gradients of the summed loss (in which batch norms sum over the
// ranks), AllReduce of gradients, loss and count in one call, update by the mean. It returns the mean loss over the
// global batch before the update, equal on all ranks; NaN or Inf stops short of
// the update.
func (f *Fit) Step(c collective.Comm, ws Windows, part Part, lr float64) (float64, error) {
	batchOffsets(f.at, f.weight, ws, f.rows, part.N, part.Pick)
	if f.stepDrop != nil {
		f.drawAt = [3]int64{int64(f.seed), int64(part.Batch), int64(part.First)}
		if err := f.step.WriteInts(f.stepDrop, f.drawAt[:]); err != nil {
			return 0, err
		}
	}
	if err := f.step.WriteInts(f.stepAt, f.at); err != nil {
		return 0, err
	}
	if err := f.step.Write(f.stepW, f.weight); err != nil {
		return 0, err
	}
	if err := f.writeDeviation(f.step, f.stepDev); err != nil {
		return 0, err
	}
	f.ranks.c = c
	if err := f.step.Run(); err != nil {
		return 0, err
	}
	f.stop = part.Stop
	if c.Size() > 1 {
		f.vote[0] = 0
		if part.Stop {
			f.vote[0] = 1
		}
		if err := f.grads.Write(f.tail+2, f.vote[:]); err != nil {
			return 0, err
		}
		if err := c.AllReduce(f.grads.Buf(0, f.tail+3), collective.Sum); err != nil {
			return 0, err
		}
		if err := f.grads.Read(f.vote[:], f.tail+2); err != nil {
			return 0, err
		}
		f.stop = f.vote[0] > 0
	}
	if err := f.grads.Read(f.sum[:], f.tail); err != nil {
		return 0, err
	}
	if f.sum[1] == 0 {
		return 0, errNoTarget
	}
	loss := f.Loss.Finish(float64(f.sum[0]) / float64(f.sum[1]))
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return loss, nil
	}
	f.steps++
	t := float64(f.steps)
	f.rate = [3]float32{float32(lr), float32(1 - math.Pow(f.opt.Beta1, t)), float32(1 - math.Pow(f.opt.Beta2, t))}
	if err := f.update.Write(f.hyper, f.rate[:]); err != nil {
		return 0, err
	}
	return loss, f.update.Run()
}

// errNoTarget is Step's error where every target of the batch is missing: there is nothing to learn from it.
var errNoTarget = errors.New("every target of the batch is missing")

// GradientNorm is the Euclidean norm of the last step's mean gradient.
func (f *Fit) GradientNorm() (float64, error) {
	var n [1]float32
	err := f.update.Read(n[:], f.norm2)
	return math.Sqrt(float64(n[0])), err
}

// MeanLoss is the loss over all windows of ws, by global sums and counts; every
// rank measures its share and all get the same number.
func (f *Fit) MeanLoss(c collective.Comm, ws Windows) (float64, error) {
	var sum, count float64
	lo, hi := collective.Share(ws.Len(), c.Rank(), c.Size())
	for i := lo; i < hi; i += f.Batch {
		batchOffsets(f.at, f.weight, ws, f.rows, min(f.Batch, hi-i), func(k int) int { return i + k })
		if err := f.loss.WriteInts(f.lossAt, f.at); err != nil {
			return 0, err
		}
		if err := f.loss.Write(f.lossW, f.weight); err != nil {
			return 0, err
		}
		if err := f.writeDeviation(f.loss, f.lossDev); err != nil {
			return 0, err
		}
		if err := f.loss.Run(); err != nil {
			return 0, err
		}
		if err := f.loss.Read(f.sum[:], f.lossOut); err != nil {
			return 0, err
		}
		sum, count = sum+float64(f.sum[0]), count+float64(f.sum[1])
	}
	// Summed in rank order on every rank: all decide alike on it.
	parts, _, err := collective.AllGatherV(c, []float64{sum, count})
	if err != nil {
		return 0, err
	}
	sum, count = 0, 0
	for i := 0; i < len(parts); i += 2 {
		sum, count = sum+parts[i], count+parts[i+1]
	}
	if count == 0 {
		return 0, fmt.Errorf("model: every target of the validation part is missing: give it a part with values in data.split")
	}
	return f.Loss.Finish(sum / count), nil
}

// writeDeviation gives the loss the deviation of each window's series, where it asks for it.
func (f *Fit) writeDeviation(r Runner, dev *Tensor) error {
	if dev == nil {
		return nil
	}
	for i := range f.deviation {
		f.deviation[i] = f.data.Deviation(f.at[i/f.Channels*f.rows+i%f.Channels])
	}
	return r.Write(dev, f.deviation)
}
