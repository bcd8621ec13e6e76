package model

// #include "loss.h"
import "C"

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// A Loss is what training makes small: an error e of a step's K forecast
// values against its target, averaged over the targets that are there.
type Loss struct {
	Kind      string
	Delta     float64   // of huber
	Season    int       // of mase
	Quantiles []float64 // of quantile and mqloss: what a net puts out; of distributions: what is forecast; ascending, each in (0, 1)
}

// lossKind is what a loss is made of. Its e for a forecast p and a target t:
//
//	mse, rmse        (p − t)²; rmse is the root of the mean over the whole batch
//	mae              |p − t|
//	huber            (p − t)²/2 up to δ, δ(|p − t| − δ/2) above (Huber 1964, as PyTorch's HuberLoss)
//	mape             |p − t| / |t|, 0 where t is
//	smape            2|p − t| / (|p| + |t|), 0 where both are (Makridakis 1993)
//	mase             |p − t| over the mean |y(i) − y(i−season)| of the window's past (Hyndman and Koehler 2006); NeuralForecast's
//	                 divides each window's errors by the means of all windows
//	nse              (p − t)² / (σ + 0.1)² with the series' deviation σ (Kratzert et al. 2019, eq. 13)
//	quantile, mqloss Σ over quantiles q of max(q(t − p), (q − 1)(t − p)) (Koenker and Bassett 1978). The sum, not the
//	                 mean: so computes NeuralForecast, whose defaults are tuned with it
//	normal, …        −ln density of t; see likelihood in loss.c (Salinas et al. 2020, §3.1)
type lossKind struct {
	kernel C.int
	root   bool     // of the mean
	params []string // of a distribution, as NeuralForecast orders what a net puts out
	counts bool     // targets are 0, 1, 2, …
	units  bool     // it grows with the unit of the targets, and can be that of scaled ones as well
}

var losses = map[string]lossKind{
	"mse":              {kernel: C.K_SQUARED, units: true},
	"rmse":             {kernel: C.K_SQUARED, root: true, units: true},
	"mae":              {kernel: C.K_ABSOLUTE, units: true},
	"huber":            {kernel: C.K_HUBER, units: true},
	"mape":             {kernel: C.K_MAPE},
	"smape":            {kernel: C.K_SMAPE},
	"mase":             {kernel: C.K_ABSOLUTE},
	"nse":              {kernel: C.K_SQUARED},
	"quantile":         {kernel: C.K_QUANTILES, units: true},
	"mqloss":           {kernel: C.K_QUANTILES, units: true},
	"normal":           {kernel: C.K_NORMAL, params: []string{"mean", "deviation"}},
	"studentt":         {kernel: C.K_STUDENT, params: []string{"degrees of freedom", "location", "scale"}},
	"poisson":          {kernel: C.K_POISSON, params: []string{"rate"}, counts: true},
	"negativebinomial": {kernel: C.K_NEGATIVE_BINOMIAL, params: []string{"mean", "dispersion"}, counts: true},
}

// LossNames are the kinds that a Loss can have.
func LossNames() []string {
	return []string{"mse", "mae", "huber", "rmse", "mape", "smape", "mase", "nse", "quantile", "mqloss",
		"normal", "studentt", "poisson", "negativebinomial"}
}

// loss is the loss that the options name.
func (o TrainOptions) loss() Loss {
	l := Loss{Kind: o.Loss, Delta: o.HuberDelta, Season: o.Season}
	switch {
	case o.Loss == "quantile":
		l.Quantiles = []float64{o.Quantile}
	case o.Loss == "mqloss" && len(o.Quantiles) > 0:
		l.Quantiles = slices.Clone(o.Quantiles)
	case o.Loss == "mqloss" || o.Distribution():
		l.Quantiles = levelQuantiles(o.Levels)
	}
	sort.Float64s(l.Quantiles)
	return l
}

// Distribution reports whether the loss is that of a distribution, whose parameters the net puts out.
func (o TrainOptions) Distribution() bool { return Loss{Kind: o.Loss}.isDistribution() }

// Counts reports whether that distribution is one of counts 0, 1, 2, ….
func (o TrainOptions) Counts() bool { return losses[o.Loss].counts }

// levelQuantiles are the median and both ends of the central intervals of these levels in percent, ascending.
func levelQuantiles(levels []float64) []float64 {
	qs := append(IntervalEnds(levels), .5)
	sort.Float64s(qs)
	return qs
}

// IntervalEnds are the quantiles at both ends of the central intervals of these levels in percent, ascending.
func IntervalEnds(levels []float64) (qs []float64) {
	for _, l := range levels {
		qs = append(qs, (100-l)/200, (100+l)/200)
	}
	sort.Float64s(qs)
	return qs
}

// CheckLevels reports levels that are no different percents.
func CheckLevels(levels []float64) error {
	for i, l := range levels {
		if !(l > 0 && l < 100) || slices.Contains(levels[:i], l) {
			return fmt.Errorf("levels = %v: want different percents between 0 and 100", levels)
		}
	}
	return nil
}

// checkLoss reports the first option of a loss that makes no sense, by its key.
func (o TrainOptions) checkLoss() error {
	switch {
	case !slices.Contains(LossNames(), o.Loss):
		return fmt.Errorf("loss = %q: want one of %v", o.Loss, LossNames())
	case o.LossScale != "series" && o.LossScale != "window":
		return fmt.Errorf("loss_scale = %q: want series or window", o.LossScale)
	case o.LossScale == "window" && !losses[o.Loss].units:
		return fmt.Errorf("loss_scale = \"window\": loss = %q does not depend on a window's scale, or has one of its own: take loss_scale = \"series\" with it", o.Loss)
	case !(o.HuberDelta > 0):
		return fmt.Errorf("huber_delta = %g: must be above 0", o.HuberDelta)
	case o.Season < 1 || o.Season > math.MaxInt32:
		return fmt.Errorf("mase_season = %d: must be at least 1 and below 2³¹", o.Season)
	case !(o.Quantile > 0 && o.Quantile < 1):
		return fmt.Errorf("quantile = %g: must be between 0 and 1", o.Quantile)
	case len(o.Levels) > maxQuantiles || len(o.Quantiles) > maxQuantiles:
		return fmt.Errorf("levels and quantiles: at most %d", maxQuantiles)
	case len(o.Quantiles) > 0 && !slices.Contains(o.Quantiles, .5):
		return fmt.Errorf("quantiles = %v: want 0.5 among them, which is the point forecast", o.Quantiles)
	}
	if err := CheckLevels(o.Levels); err != nil {
		return err
	}
	for i, q := range o.Quantiles {
		if !(q > 0 && q < 1) || slices.Contains(o.Quantiles[:i], q) {
			return fmt.Errorf("quantiles = %v: want different numbers between 0 and 1", o.Quantiles)
		}
	}
	return nil
}

// maxQuantiles bounds what one step forecasts.
const maxQuantiles = 100

// isDistribution reports whether K values are the parameters of one.
func (l Loss) isDistribution() bool { return len(losses[l.Kind].params) > 0 }

// Outputs is K, the values that a net puts out for a step.
func (l Loss) Outputs() int {
	if params := losses[l.Kind].params; len(params) > 0 {
		return len(params)
	}
	return max(1, len(l.Quantiles))
}

// Point is the point forecast (…, 1) of the K values (…, K) that a net put out for a step, on the scale that the net sees: that which [Loss.Forecast] gives
// once it is scaled back.
func (l Loss) Point(y *Tensor) *Tensor {
	at := func(i int) *Tensor { return y.Slice(-1, i, i+1) }
	switch l.Kind {
	case "mqloss":
		return at(sort.SearchFloat64s(l.Quantiles, .5))
	case "studentt":
		return at(1)
	case "poisson", "negativebinomial":
		return at(0).Softplus()
	}
	return at(0)
}

// Finish is the loss of the whole from the mean error.
func (l Loss) Finish(mean float64) float64 {
	if losses[l.Kind].root {
		return math.Sqrt(mean)
	}
	return mean
}

// Slope is what the gradient of Σ w·e is divided by to be that of the loss,
// from total = {Σ w·e, Σ w} over all ranks, (1): the count, but for a root of
// the mean, whose gradient is that of the mean over twice the root: Σ w · 2√mean.
func (l Loss) Slope(total *Tensor) *Tensor {
	sum, count := total.Slice(0, 0, 1), total.Slice(0, 1, 2)
	if losses[l.Kind].root {
		return sum.Mul(count).Sqrt().Scale(2).Clamp(1e-30, math.MaxFloat32)
	}
	return count
}

// Divisor is what errors are divided by, row by row, (B, C) or alike: the mean seasonal
// difference of past (B, C, L) for mase, where it is 0 the row does not count as an error; (σ + 0.1)² of
// deviation (B, C), the deviation of each series in its train part, for nse. Else it is nil.
func (l Loss) Divisor(past, deviation *Tensor) *Tensor {
	switch l.Kind {
	case "mase":
		if past.Last() <= l.Season {
			badBuild("loss mase: season %d needs a longer lookback than %d", l.Season, past.Last())
		}
		return past.Slice(-1, l.Season, past.Last()).Sub(past.Slice(-1, 0, past.Last()-l.Season)).Abs().Mean(-1)
	case "nse":
		return deviation.Shift(.1).Pow(2)
	}
	return nil
}

// checkTargets reports the first target that a distribution of counts cannot have made.
func (l Loss) checkTargets(target []float32) error {
	if !losses[l.Kind].counts {
		return nil
	}
	for _, v := range target {
		if v == v && (v < 0 || float64(v) != math.Floor(float64(v))) {
			return fmt.Errorf("model: loss %s: a target is %g after scaling, but this is a distribution of counts 0, 1, 2, …: take another loss", l.Kind, v)
		}
	}
	return nil
}
