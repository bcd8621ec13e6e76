package model

import (
	"fmt"
	"slices"
)

// Batch is what every net reads: B windows of C channels. What the experiment
// does not have is nil.
type Batch struct {
	Past    *Tensor // (B, C, L): the targets' lookback; channel-major, so a row is one series' past
	Mask    *Tensor // (B, C, L): 1 where Past was measured, 0 where it was filled; nil: nothing was missing
	Hist    *Tensor // (B, X, L): columns known up to now only
	Future  *Tensor // (B, F, L+H): columns known in advance, such as the calendar
	Static  *Tensor // (B, S): one value a series
	Horizon int     // H
	Outputs int     // K: the values that the loss wants of every step, such as quantiles or a distribution's parameters; 1 for a point forecast
	Loss    Loss    // whose outputs they are

	scale func(x *Tensor) *Tensor // of targets (B, C, n) to what the net sees of them; nil: they are the same
	back  *windowScale            // the way back of what it puts out; nil: it is the same
}

// Width is what a net forecasts of a channel: H·K values, the K of a step side by side.
func (b Batch) Width() int { return b.Horizon * b.Outputs }

// A Net is a forecasting network: a struct whose exported fields are its
// options in [[model]], tagged with key, default and doc.
type Net interface {
	// Forward records the forecast (B, C, H·K) of a batch, making its parameters through s.
	Forward(s *Scope, b Batch) *Tensor
}

// A Recursive net forecasts step by step, each from the forecast of the step
// before. It is trained on what was measured in its place, over fewer steps.
type Recursive interface {
	Net
	// Steps is T, the steps of the horizon that training forecasts; 0 where the net's options make it forecast as others do.
	Steps() int
	// Learn records the forecast (B, C, T·K) in training: b.Past and b.Mask are
	// (B, C, L+T−1), the values of the first T−1 steps of the horizon among them,
	// b.Future is (B, F, L+T), and b.Horizon is T.
	Learn(s *Scope, b Batch) *Tensor
}

// A Sampler forecasts a distribution step by step. It draws paths, each step from the distribution that follows
// from the path's values before it.
type Sampler interface {
	Net
	// Paths is S, the paths drawn of a window's channel; 0 where l is no distribution.
	Paths(l Loss) int
	// Sample records the paths (B, C, H·S) on the scale of the targets, those of a step side by side; draw is the state of [Loss.Sample].
	Sample(s *Scope, b Batch, draw *Tensor) *Tensor
}

// learner is what a net records in training, over how many steps of the horizon H, and how many of them it is given.
func learner(n Net, H int) (forward func(s *Scope, b Batch) *Tensor, steps, known int) {
	if r, ok := n.(Recursive); ok && r.Steps() > 0 {
		T := min(r.Steps(), H)
		return r.Learn, T, T - 1
	}
	return n.Forward, H, 0
}

// CheckNet checks the net's options against the windows, by key.
func CheckNet(n Net, lookback, horizon int) error {
	if c, ok := n.(interface {
		check(lookback, horizon int) error
	}); ok {
		return c.check(lookback, horizon)
	}
	return nil
}

// A Kind is a registered net.
type Kind struct {
	Name   string
	Family string // linear, MLP, recurrent, convolution, attention, frequency or mixer
	Paper  string
	Mixes  bool // the channels of a window; else each is forecast from its own past alone
	// Defaults are values of keys of [[model]], or of its [train] as train.KEY, that differ from all nets', and of the net's own keys that differ from their tags', where an embedded struct has them: as the reference's.
	Defaults map[string]any
	New      func() Net
}

var kinds []Kind

func register(k Kind) bool {
	kinds = append(kinds, k)
	slices.SortFunc(kinds, func(a, b Kind) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return true
}

// Nets lists the registered nets by name.
func Nets() []Kind { return slices.Clone(kinds) }

// FindKind is the registered net of that name.
func FindKind(name string) (k Kind, ok bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return k, false
	}
	return kinds[i], true
}

// NewNet is a net of that name with no option set.
func NewNet(name string) (Net, error) {
	k, ok := FindKind(name)
	if !ok {
		return nil, fmt.Errorf("model: no net %q", name)
	}
	return k.New(), nil
}
