package model

import (
	"fmt"
	"math"
	"strconv"
)

var _ = register(Kind{Name: "timemixer", Family: "mixer", Paper: "Wang et al., TimeMixer: Decomposable Multiscale Mixing for Time Series Forecasting, ICLR 2024", Mixes: true, New: func() Net { return &TimeMixer{} }})

// TimeMixer sees a window at several scales, each pooled from the one before (§3.1). Its blocks take each scale apart into season
// and trend, mix seasons from fine to coarse and trends from coarse to fine (§3.2), and all scales forecast together (§3.3). The
// channels are mixed; what no channel's season explains, its own trend, is forecast linearly beside.
//
// The other decomposition of NeuralForecast, dft_decomp, is left out: the frequencies that it keeps of a window depend on the other windows
// of the batch. So are its channel_independence and its pooling by a convolution, which never learns.
type TimeMixer struct {
	Hidden   int     `toml:"hidden" default:"32" doc:"features of a step"`
	FFHidden int     `toml:"ff_hidden" default:"32" doc:"hidden units of a mixing of features"`
	Layers   int     `toml:"layers" default:"4" doc:"blocks"`
	Dropout  float64 `toml:"dropout" default:"0.1" doc:"share of the features of the input that are dropped"`
	Kernel   int     `toml:"kernel" default:"25" doc:"steps of the centred moving average that is the trend; odd"`
	Scales   int     `toml:"scales" default:"1" doc:"scales beside the window's own"`
	Window   int     `toml:"window" default:"2" doc:"steps of a scale that make one of the next"`
	Pooling  string  `toml:"pooling" default:"avg" doc:"how: avg or max"`
	Norm     bool    `toml:"norm" default:"true" doc:"normalise each channel of a window at each scale, and scale its forecast back"`
}

func (n TimeMixer) check(lookback, _ int) error {
	err := firstError(size("hidden", n.Hidden), size("ff_hidden", n.FFHidden), size("layers", n.Layers), checkDropout("dropout", n.Dropout),
		size("kernel", n.Kernel), size("scales", n.Scales), size("window", n.Window),
		oneOf("pooling", n.Pooling, "avg", "max"))
	if err == nil && n.Kernel%2 == 0 {
		err = fmt.Errorf("kernel = %d: must be odd", n.Kernel)
	}
	if err == nil && math.Pow(float64(n.Window), float64(n.Scales)) > float64(lookback) {
		err = fmt.Errorf("scales = %d: a lookback of %d has no step at the last of them", n.Scales, lookback)
	}
	return err
}

func (n TimeMixer) scalesBack() string { return map[bool]string{true: "norm"}[n.Norm] }

func (n TimeMixer) Forward(s *Scope, b Batch) *Tensor { return scaledBack(n, s, b) }

func (n TimeMixer) normalised(s *Scope, b Batch) (y *Tensor, back *windowScale) {
	B, C, H, K := b.Past.Shape[0], b.Past.Shape[1], b.Horizon, b.Outputs
	var xs, trends []*Tensor // (B, hidden, T) and (B, C, T) of each scale
	x := b.Past
	for i := range n.Scales + 1 {
		if i > 0 {
			x = n.pool(x)
		}
		z := x
		if n.Norm {
			var own *windowScale
			if z, own = reversible(s.In("revin").In(strconv.Itoa(i)), x, false, C); i == 0 {
				back = own
			}
		}
		trend := z.MovingAvg(n.Kernel)
		xs, trends = append(xs, n.embed(s.In("embed"), z.Sub(trend))), append(trends, trend)
	}
	for i := range n.Layers {
		xs = n.mix(s.In("blocks").In(strconv.Itoa(i)), xs)
	}
	var h *Tensor // (B, hidden, H), as y is (B, C, H)
	for i := range xs {
		at := strconv.Itoa(i)
		h = plus(h, Dense(s.In("predict").In(at), xs[i], H, Identity))
		y = plus(y, perceptron(s.In("trend").In(at), trends[i], Identity, trends[i].Last(), H))
	}
	w, bias := denseParams(s.In("project"), C, n.Hidden)
	y = y.Add(h.Conv1d(w.Reshape(C, n.Hidden, 1), bias.Scale(float32(len(xs))), 1, 1)) // the sum of all scales'
	if back != nil && !b.Loss.isDistribution() {                                       // before the outputs of a step are made of it, as in NeuralForecast
		y, back = back.undo(y), nil
	}
	if K > 1 { // from all channels' forecasts of a step, its outputs
		y = Dense(s.In("outputs"), y.Transpose(1, 2), C*K, Identity) // (B, H, C·K)
		y = y.Reshape(B, H, C, K).Permute(0, 2, 1, 3).Reshape(B, C, H*K)
	}
	return y, back
}

func (n TimeMixer) pool(x *Tensor) *Tensor {
	if n.Pooling == "max" {
		return x.MaxPool(n.Window, n.Window, 0, false)
	}
	return x.AvgPool(n.Window, n.Window, false)
}

// embed is the channels of a step and both its neighbours, the last step being the neighbour of the first, in hidden features.
func (n TimeMixer) embed(s *Scope, x *Tensor) *Tensor {
	C := x.Shape[1]
	w := s.Param("weight", Normal(math.Sqrt(2/float64(3*C))), n.Hidden, C, 3) // He et al. 2015, eq. 10
	return s.Dropout(x.PadCircular(2, 1, 1).Conv1d(w, nil, 1, 1), 0, n.Dropout)
}

// mix is a block (eq. 2–6) of xs (B, hidden, T), the finest first.
func (n TimeMixer) mix(s *Scope, xs []*Tensor) []*Tensor {
	last := len(xs) - 1
	seasons, trends := make([]*Tensor, len(xs)), make([]*Tensor, len(xs))
	w1, b1 := denseParams(s.In("cross").In("0"), n.FFHidden, n.Hidden)
	w2, b2 := denseParams(s.In("cross").In("1"), n.Hidden, n.FFHidden)
	for i, x := range xs {
		B, trend := x.Shape[0], x.MovingAvg(n.Kernel)
		both := Concat(0, x.Sub(trend), trend) // (2B, hidden, T)
		both = both.Conv1d(w1.Reshape(n.FFHidden, n.Hidden, 1), b1, 1, 1).GELU()
		both = both.Conv1d(w2.Reshape(n.Hidden, n.FFHidden, 1), b2, 1, 1)
		seasons[i], trends[i] = both.Slice(0, 0, B), both.Slice(0, B, 2*B)
	}
	to := func(s *Scope, x, y *Tensor) *Tensor { // x's time mapped to that of y, and added
		return y.Add(perceptron(s, x, GELU, y.Last(), y.Last()))
	}
	for i := range last {
		at := strconv.Itoa(i)
		seasons[i+1] = to(s.In("season").In(at), seasons[i], seasons[i+1])
		trends[last-i-1] = to(s.In("trend").In(at), trends[last-i], trends[last-i-1])
	}
	for i := range seasons {
		seasons[i] = seasons[i].Add(trends[i])
	}
	return seasons
}

// plus is x + y, and y where x is nil.
func plus(x, y *Tensor) *Tensor {
	if x == nil {
		return y
	}
	return x.Add(y)
}
