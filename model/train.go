package model

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"
	"unsafe"

	"deeprc/collective"
)

// Record is one row of a training's history.
type Record struct {
	Step, Epoch int     // batches seen; epochs begun, from 1
	LR          float64 // of this update
	Loss        float64 // mean over the global batch, before the update; NaN in a row of a validation
	Val         float64 // mean over the validation windows; NaN in a row of an update
	Norm        float64 // Euclidean norm of the mean gradient; NaN in a row of a validation
	Seconds     float64 // since training began
}

// History is what a training leaves besides the parameters.
type History struct {
	Records  []Record
	Steps    int     // batches seen
	Best     float64 // lowest validation loss; NaN without a validation
	BestStep int
	Stopped  bool // early, by patience
}

// Hooks let the caller watch a training. Any may be nil.
type Hooks struct {
	Progress func(step, total int, loss float64)
	// Better is called on every rank when a validation was the best so far,
	// with the parameters and buffers of then.
	Better func(params []float32, step int, val float64) error
	// Save is called with a checkpoint as o.CheckpointEvery says, when the training is interrupted, and at its end. One rank
	// is enough: all have the same state.
	Save func(*State) error
	// Resume is where to go on; it is the same on all ranks.
	Resume *State
}

// A DivergedError tells that the training or validation loss, or the norm of the gradient, is no longer finite.
type DivergedError struct {
	Step          int
	Loss          float64
	Norm          float64 // of the gradient, where that is what is not finite
	Param         string  // the parameter that grew most
	Before, After float64
}

func (e *DivergedError) Error() string {
	what, value := "loss", e.Loss
	if e.Norm != 0 {
		what, value = "gradient's norm", e.Norm
	}
	return fmt.Sprintf("the %s became %g at step %d; %s grew most: its root mean square was %.3g at the start and is %.3g; "+
		"lower train.lr, or look for extreme values in the data", what, value, e.Step, e.Param, e.Before, e.After)
}

// ErrStopped is in the error of a training whose ctx was cancelled on any rank: all of them stopped before the same update.
var ErrStopped = errors.New("stopped")

// Train runs data-parallel training over the ranks of c: each global batch is
// the next o.Batch windows of the epoch's permutation, split over the ranks. With o.Epochs the
// last batch of an epoch may be smaller, none is dropped; with o.Steps it goes on into the next permutation, so that
// all updates are of equally many windows. n ranks compute what
// one would, up to rounding. Afterwards the fit holds the parameters of the best
// validation. On an error or a cancelled ctx the history so far is returned too,
// after a last checkpoint. With hooks.Resume, on as many ranks and threads as
// then, the result is bit for bit that of a training without the interruption. One that
// diverged does so again at once.
func Train(ctx context.Context, c collective.Comm, f *Fit, train, val Windows, seed uint64, hooks Hooks) (*History, error) {
	o := f.opt
	start := time.Now()
	next := batches{n: train.Len(), size: min(o.Batch, train.Len()), whole: o.Steps > 0, seed: seed}
	perEpoch := next.perEpoch()
	total := o.Steps
	if total == 0 {
		total = o.Epochs * perEpoch
	}
	every := o.ValEvery
	if every == 0 {
		every = perEpoch
	}
	h := &History{Best: math.NaN()}
	first := make([]float32, f.Params.Words())
	best := make([]float32, len(first))
	if err := f.GetParams(first); err != nil {
		return h, err
	}
	f.stop = false // of an earlier training
	worse, finished := 0, false
	var diverged *DivergedError
	if s := hooks.Resume; s != nil {
		*h, worse, finished = s.History, s.Worse, s.Finished
		h.Records = slices.Clone(h.Records)
		copy(best, s.Best)
		if err := f.setState(s); err != nil {
			return h, err
		}
		if n := len(h.Records); n > 0 { // the clock goes on
			start = start.Add(-time.Duration(h.Records[n-1].Seconds * float64(time.Second)))
		}
	}
	restore := func(err error) (*History, error) {
		if !math.IsNaN(h.Best) {
			if e := f.SetParams(best); err == nil {
				err = e
			}
		}
		return h, err
	}
	save := func() error {
		if hooks.Save == nil {
			return nil
		}
		s, err := f.state(h, best, worse, finished, diverged)
		if err != nil {
			return err
		}
		return hooks.Save(s)
	}
	// diverge ends a training for good.
	diverge := func(e DivergedError) (*History, error) {
		if err := f.describe(&e, first); err != nil {
			return restore(err)
		}
		diverged, finished = &e, true
		if err := save(); err != nil {
			return restore(err)
		}
		return restore(diverged)
	}
	// leave ends an interrupted training, whose state is that before the next update or validation.
	leave := func(err error) (*History, error) { return restore(errors.Join(err, save())) }
	validated := func() bool {
		n := len(h.Records)
		return n > 0 && h.Records[n-1].Step == h.Steps && !math.IsNaN(h.Records[n-1].Val)
	}
	if s := hooks.Resume; s != nil && s.Diverged != nil {
		return restore(s.Diverged)
	}
	saveSteps, saveTime, err := o.checkpointEvery()
	if err != nil {
		return h, err
	}
	saved := time.Now()
	for i := h.Steps; !finished; i++ {
		epoch := i / perEpoch
		if (i > 0 && i%every == 0 || i == total) && !validated() {
			last := max(i-1, 0)
			at := last / perEpoch
			v, err := f.MeanLoss(c, val)
			if err != nil {
				return leave(err)
			}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return diverge(DivergedError{Step: i, Loss: v})
			}
			if err := f.sameEverywhere(c, i); err != nil {
				return restore(err)
			}
			h.Records = append(h.Records, Record{i, at + 1, o.rate(last, max(total, 1), at), math.NaN(), v, math.NaN(), time.Since(start).Seconds()})
			if math.IsNaN(h.Best) || v < h.Best {
				h.Best, h.BestStep, worse = v, i, 0
				if err := f.GetParams(best); err != nil {
					return h, err
				}
				if hooks.Better != nil {
					if err := hooks.Better(best, i, v); err != nil {
						return leave(err)
					}
				}
			} else if worse++; worse == o.Patience {
				h.Stopped = true
			}
		}
		if i == total || h.Stopped {
			finished = true
			if err := save(); err != nil {
				return restore(err)
			}
			break
		}
		if f.stop || c.Size() == 1 && ctx.Err() != nil {
			if err := save(); err != nil {
				return restore(fmt.Errorf("interrupted at step %d of %d, without a checkpoint: %w", i, total, err))
			}
			return restore(fmt.Errorf("%w at step %d of %d: %w", ErrStopped, i, total, Cause(ctx)))
		}
		if saveSteps > 0 && i > 0 && i%saveSteps == 0 || saveTime > 0 && time.Since(saved) >= saveTime {
			if err := save(); err != nil {
				return restore(err)
			}
			saved = time.Now()
		}
		windows := next.seek(i)
		from, to := collective.Share(windows, c.Rank(), c.Size())
		lr := o.rate(i, total, epoch)
		loss, err := f.Step(c, train, Part{i, from, to - from, func(k int) int { return next.at(from + k) }, ctx.Err() != nil}, lr)
		skipped := err == errNoTarget
		if err != nil && !skipped {
			return leave(err)
		}
		h.Steps = i + 1
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return diverge(DivergedError{Step: i + 1, Loss: loss})
		}
		if !skipped {
			norm, err := f.GradientNorm()
			if err != nil {
				return restore(err)
			}
			if math.IsNaN(norm) || math.IsInf(norm, 0) {
				return diverge(DivergedError{Step: i + 1, Loss: loss, Norm: norm})
			}
			if (i+1)%o.LogEvery == 0 || i+1 == total {
				h.Records = append(h.Records, Record{i + 1, epoch + 1, lr, loss, math.NaN(), norm, time.Since(start).Seconds()})
			}
		}
		if hooks.Progress != nil {
			hooks.Progress(i+1, total, loss)
		}
	}
	return restore(nil)
}

// Cause is why ctx was cancelled, or, where it was not, that another rank's was.
func Cause(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return errors.New("another rank was told to")
}

// describe adds to e the parameter that grew most since first.
func (f *Fit) describe(e *DivergedError, first []float32) error {
	now := make([]float32, len(first))
	if err := f.GetParams(now); err != nil {
		return err
	}
	most := math.Inf(-1)
	for _, p := range f.Params.List {
		a, b := p.RMS(first), p.RMS(now)
		growth := b / (a + 1e-12)
		if math.IsNaN(growth) {
			growth = math.Inf(1)
		}
		if growth > most {
			most, e.Param, e.Before, e.After = growth, p.Name, a, b
		}
	}
	return nil
}

// sameEverywhere checks that all ranks hold the same parameters, bit for bit:
// data-parallel training is wrong without a word where they drift apart.
func (f *Fit) sameEverywhere(c collective.Comm, step int) error {
	if c.Size() == 1 {
		return nil
	}
	slab := make([]float32, f.Params.Words())
	if err := f.GetParams(slab); err != nil {
		return err
	}
	h := fnv.New64a()
	h.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(slab))), 4*len(slab)))
	sums, err := collective.AllGatherOne(c, int64(h.Sum64()))
	if err != nil {
		return err
	}
	for r, s := range sums {
		if s != sums[0] {
			return fmt.Errorf("model: at step %d rank %d holds other parameters than rank 0: its device or memory is faulty, "+
				"or the communicator's AllReduce does not give all ranks the same result", step, r)
		}
	}
	return nil
}
