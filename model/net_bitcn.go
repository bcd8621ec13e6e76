package model

import (
	"fmt"
	"math/bits"
	"strconv"
)

var _ = register(Kind{Name: "bitcn", Family: "convolution", Paper: "Sprangers, Schelter and de Rijke, Parameter-efficient deep probabilistic forecasting, Int. J. Forecasting 2023", New: func() Net { return &BiTCN{} }})

// BiTCN has two stacks of dilated convolutions (§3): one looks back over the lookback, the other ahead over the
// columns that are known in advance. Each has as many layers as it takes to see all steps.
type BiTCN struct {
	Hidden  int     `toml:"hidden" default:"16" doc:"units of every layer"`
	Dropout float64 `toml:"dropout" default:"0.5" doc:"share of the units that are dropped behind every layer"`
}

func (n BiTCN) check(lookback, _ int) error {
	if lookback < 2 {
		return fmt.Errorf("lookback = %d: convolutions over it need at least 2 steps", lookback)
	}
	return firstError(size("hidden", n.Hidden), checkDropout("dropout", n.Dropout))
}

func (n BiTCN) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	L, H := u.past.Last(), b.Horizon
	drop := func(x *Tensor) *Tensor { return s.Dropout(x, 0, n.Dropout) }
	x := drop(DenseChannels(s.In("past"), u.channels(u.past, u.Hist, u.Static, u.Future), n.Hidden))
	x = n.stack(s.In("backward"), x, true) // (N, hidden, L)
	var known *Tensor
	if u.Future != nil { // once for all channels, what is dropped included
		known = n.stack(s.In("forward"), drop(DenseChannels(s.In("future"), u.Future, n.Hidden)), false)
		known = u.perChannel(known).Reshape(x.Shape[0], n.Hidden, L+H)
		x = Concat(1, x, known.Slice(2, 0, L))
	}
	x = drop(Dense(s.In("temporal").In("0"), x, n.Hidden, GELU))
	x = Dense(s.In("temporal").In("1"), x, H, Identity) // (N, hidden or 2·hidden, H)
	if known != nil {
		x = Concat(1, x, known.Slice(2, L, L+H))
	}
	y := DenseChannels(s.In("out"), x, b.Outputs) // (N, K, H)
	return u.forecast(y.Transpose(1, 2))
}

// stack is the sum of the outputs of layers of two taps, 1, 2, 4 … steps apart, over x (N, hidden, time). Each adds to
// what the next one reads and, by as many units more, to the output.
func (n BiTCN) stack(s *Scope, x *Tensor, back bool) *Tensor {
	layers := bits.Len(uint(x.Last() - 1))
	z := x.Pad(1, 0, n.Hidden) // (N, 2·hidden, time): what is read, then the output
	for i := range layers {
		s, before, after := s.In(strconv.Itoa(i)), 0, 1<<i
		if back {
			before, after = after, before
		}
		h := Conv(s.In("conv1"), x.Pad(2, before, after), n.Hidden, 2, 1<<i).GELU()
		z = z.Add(Conv(s.In("conv2"), s.Dropout(h, 0, n.Dropout), 2*n.Hidden, 1, 1))
		x = z.Slice(1, 0, n.Hidden)
	}
	return z.Slice(1, n.Hidden, 2*n.Hidden)
}
