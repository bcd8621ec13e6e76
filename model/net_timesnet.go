package model

import (
	"fmt"
	"math"
	"strconv"
)

var _ = register(Kind{Name: "timesnet", Family: "frequency", Paper: "Wu et al., TimesNet: Temporal 2D-variation modeling for general time series analysis, ICLR 2023", Defaults: map[string]any{"scaler": "standard"},
	New: func() Net { return &TimesNet{} }})

// TimesNet folds the series by its strongest periods into images, so that a step stands beside those before and after it and
// below those one period away, and convolves these (§3.1). The periods of a batch are those of its mean spectrum in training, over
// all ranks, as in NeuralForecast; in a forecast each series has its own (eq. 1), so that it depends on no other of its batch.
type TimesNet struct {
	Hidden     int     `toml:"hidden" default:"64" doc:"channels of a series"`
	ConvHidden int     `toml:"conv_hidden" default:"64" doc:"channels between the two convolutions of a layer"`
	Top        int     `toml:"top" default:"5" doc:"periods of a layer"`
	Kernels    int     `toml:"kernels" default:"6" doc:"kernels of a convolution, of 1, 3, 5 … taps in both directions"`
	Layers     int     `toml:"layers" default:"2" doc:"layers, each with periods of its own"`
	Dropout    float64 `toml:"dropout" default:"0.1" doc:"share of what the layers read that is dropped"`
}

// maxPeriods bounds the convolutions of a layer.
const maxPeriods = 64

func (n TimesNet) check(lookback, horizon int) error {
	if most := min((lookback+horizon)/2, maxPeriods); n.Top < 1 || n.Top > most {
		return fmt.Errorf("top = %d: must be between 1 and %d, as lookback and horizon have %d frequencies", n.Top, most, (lookback+horizon)/2)
	}
	if n.Kernels < 1 || n.Kernels > 32 {
		return fmt.Errorf("kernels = %d: must be between 1 and 32", n.Kernels)
	}
	return firstError(size("hidden", n.Hidden), size("conv_hidden", n.ConvHidden), size("layers", n.Layers), checkDropout("dropout", n.Dropout))
}

func (n TimesNet) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	L, H := u.past.Last(), b.Horizon
	T := L + H
	x := s.Dropout(n.embedding(s.In("enc_embedding"), u), 0, n.Dropout) // (N, hidden, L)
	x = Dense(s.In("predict_linear"), x, T, Identity)                   // (N, hidden, T)
	norm := func(x *Tensor) *Tensor { return LayerNorm(s.In("layer_norm"), x.Transpose(1, 2), layerNormEps) }
	dft := sinusoids(x.g, T)
	for i := range n.Layers {
		x = n.layer(s.In("model").In(strconv.Itoa(i)).In("conv"), x, dft)
		if i < n.Layers-1 {
			x = norm(x).Transpose(1, 2)
		}
	}
	return u.forecast(Dense(s.In("projection"), norm(x.Slice(2, L, T)), b.Outputs, Identity)) // (N, H, K)
}

// embedding is the past by a convolution of three taps round a circle, the place in the window by sines and cosines (Vaswani et al.
// 2017, §3.5), and the columns known in advance by a linear map: (N, hidden, L).
func (n TimesNet) embedding(s *Scope, u univariate) *Tensor {
	N, L := u.past.Shape[0], u.past.Last()
	token := s.In("value_embedding").In("tokenConv").Param("weight", Normal(math.Sqrt(2./3)), n.Hidden, 1, 3)
	place := make([]float32, n.Hidden*L)
	for i := range place {
		d, t := i/L, i%L
		angle := float64(t) * math.Pow(10000, -float64(d/2*2)/float64(n.Hidden))
		if d%2 == 0 {
			place[i] = float32(math.Sin(angle))
		} else {
			place[i] = float32(math.Cos(angle))
		}
	}
	x := u.past.Unsqueeze(1).PadCircular(2, 1, 1).Conv1d(token, nil, 1, 1).Add(token.g.Literal(place, n.Hidden, L))
	if u.Future != nil {
		F := u.Future.Shape[1]
		w := s.In("temporal_embedding").In("embed").Param("weight", Uniform(1/math.Sqrt(float64(F))), n.Hidden, F)
		known := u.Future.Slice(2, 0, L).Conv1d(w.Reshape(n.Hidden, F, 1), nil, 1, 1) // (B, hidden, L)
		x = x.Add(u.perChannel(known).Reshape(N, n.Hidden, L))
	}
	return x
}

// sinusoids are cosines, then sines, of the frequencies 1 … T/2 of T steps (2·(T/2), T): a linear map by them is the discrete Fourier transform.
func sinusoids(g *Graph, T int) *Tensor {
	F := T / 2
	v := make([]float32, 2*F*T)
	for i := range F * T {
		f, t := i/T+1, i%T
		sin, cos := math.Sincos(2 * math.Pi * float64(f*t%T) / float64(T))
		v[i], v[F*T+i] = float32(cos), float32(sin)
	}
	return g.Literal(v, 2*F, T)
}

// layer adds to x (N, hidden, T) the mean of its images' convolutions, weighted by a softmax of their frequencies' amplitudes (eq. 1 to 6).
func (n TimesNet) layer(s *Scope, x, dft *Tensor) *Tensor {
	N, T := x.Shape[0], x.Last()
	z := x.Linear(dft, nil, Identity).Pow(2) // (N, hidden, 2·(T/2))
	F := z.Last() / 2
	// as the slope of a root at 0 is none, none is at 0: this is lost in any other
	amplitude := z.Slice(2, 0, F).Add(z.Slice(2, F, 2*F)).Shift(1e-20).Sqrt().Mean(1).Squeeze(1) // (N, T/2)
	f := Folding{s.strongest(amplitude, n.Top), T}
	weights := amplitude.TakeAlong(1, f.Top).Softmax().Unsqueeze(1) // (N, 1, k)
	y := n.inception(s.In("0"), f, f.Fold(x), n.Hidden, n.ConvHidden).GELU()
	y = f.Unfold(n.inception(s.In("2"), f, y, n.ConvHidden, n.Hidden)) // (N, k, hidden, T)
	return x.Add(weights.MatMul(y.Reshape(N, n.Top, n.Hidden*T)).Reshape(x.Shape...))
}

// strongest are the places of the k largest amplitudes (N, F) of each series, or, where the graph trains, of the sum over the batch of all ranks: (N, k).
func (s *Scope) strongest(amplitude *Tensor, k int) *Tensor {
	if s.train == nil {
		return amplitude.TopK(k)
	}
	N, F, B := amplitude.Shape[0], amplitude.Last(), s.train.weight.Len()
	sum := s.train.weight.Reshape(1, B).MatMul(amplitude.Reshape(B, N/B*F)) // of windows that count
	sum = s.train.ranks.sum(sum.Reshape(N/B, F).Sum(0))                     // (1, F)
	return sum.TopK(k).repeatRows(N)
}

// inception is the mean of convolutions of images by kernels of 1, 3, 5 … taps, which is one convolution by the mean of the kernels.
func (n TimesNet) inception(s *Scope, f Folding, x *Tensor, in, out int) *Tensor {
	var ws []*Tensor
	var b *Tensor
	for i := range n.Kernels {
		taps, s := 2*i+1, s.In("kernels").In(strconv.Itoa(i))
		ws = append(ws, s.Param("weight", Normal(math.Sqrt(2/float64(out*taps*taps))), out, in, taps, taps)) // He et al. 2015, eq. 14
		if bias := s.Param("bias", constant(0), out); i == 0 {
			b = bias
		} else {
			b = b.Add(bias)
		}
	}
	return f.Conv(x, kernelMean(ws...), b.Scale(1/float32(n.Kernels)))
}
