package model

import (
	"fmt"
	"math"
	"strconv"
)

// coder are the options that nets have in common whose encoder reads the lookback and whose decoder the end of it and the horizon, all of whose
// values there are 0 (Zhou et al., Informer, AAAI 2021, §3 "Generative inference").
type coder struct {
	Hidden        int     `toml:"hidden" default:"128" doc:"units of a step"`
	ConvHidden    int     `toml:"conv_hidden" default:"32" doc:"units between the two linear maps of a layer"`
	Heads         int     `toml:"heads" default:"4" doc:"heads of attention, or of what is in its place, of hidden/heads units each; units beyond a whole number for each are lost"`
	Dropout       float64 `toml:"dropout" default:"0.05" doc:"share dropped of embeddings, of attention's results (and weights, of vanillatransformer), and in and behind the two linear maps"`
	EncoderLayers int     `toml:"encoder_layers" default:"2" doc:"layers of the encoder"`
	DecoderLayers int     `toml:"decoder_layers" default:"1" doc:"layers of the decoder"`
	DecoderInput  float64 `toml:"decoder_input" default:"0.5" doc:"share of the lookback that the decoder reads, its end"`
	Activation    string  `toml:"activation" default:"gelu" doc:"between the two linear maps: gelu or relu"`
}

func (c coder) check(lookback int) error {
	err := firstError(size("hidden", c.Hidden), size("conv_hidden", c.ConvHidden), size("heads", c.Heads), checkDropout("dropout", c.Dropout),
		size("encoder_layers", c.EncoderLayers), size("decoder_layers", c.DecoderLayers), oneOf("activation", c.Activation, "gelu", "relu"))
	switch {
	case err != nil:
		return err
	case c.Hidden < c.Heads:
		return fmt.Errorf("heads = %d: more than hidden = %d", c.Heads, c.Hidden)
	case !(c.DecoderInput > 0) || c.label(lookback) >= lookback:
		return fmt.Errorf("decoder_input = %g: must be above 0, and less than the lookback of %d", c.DecoderInput, lookback)
	}
	return nil
}

// label is the steps of the lookback that the decoder reads.
func (c coder) label(lookback int) int { return int(math.Ceil(float64(lookback) * c.DecoderInput)) }

// width is that of all heads together.
func (c coder) width() int { return c.Hidden / c.Heads * c.Heads }

func checkKernel(k int) error {
	if k < 1 || k%2 == 0 || k > maxSize {
		return fmt.Errorf("kernel = %d: must be odd and between 1 and %d", k, maxSize)
	}
	return nil
}

func (c coder) drop(s *Scope, x *Tensor) *Tensor { return s.Dropout(x, 0, c.Dropout) }

// embed is values y (N, T), those of a step and both its neighbours, the last being the neighbour of the first, and the
// future columns of steps from from on, in hidden units (N, T, hidden).
func (c coder) embed(s *Scope, u univariate, y *Tensor, from int) *Tensor {
	x := y.PadCircular(1, 1, 1).Unfold(3, 1)                                            // (N, T, 3)
	w := s.Param("value", Normal(math.Sqrt(2./3)), c.Hidden, 1, 3).Reshape(c.Hidden, 3) // He et al. 2015, eq. 10
	if u.Future != nil {
		columns := u.marks(from, from+y.Last()) // (N, T, F)
		F := columns.Last()
		x = Concat(2, x, columns)
		w = Concat(1, w, s.Param("columns", Uniform(1/math.Sqrt(float64(F))), c.Hidden, F))
	}
	return x.Linear(w, nil, Identity)
}

// marks are steps from to to of the future columns (N, time, F), the same for all channels.
func (u univariate) marks(from, to int) *Tensor {
	B, C, F, T := u.Past.Shape[0], u.Past.Shape[1], u.Future.Shape[1], to-from
	return u.Future.Slice(2, from, to).Transpose(1, 2).Unsqueeze(1).Expand(B, C, T, F).Reshape(B*C, T, F)
}

// positions is the table (T, n) of sin(t/10000^(i/n)) at even i and cos(t/10000^((i−1)/n)) at odd i (Vaswani et al. 2017, §3.5).
func positions(g *Graph, T, n int) *Tensor {
	v := make([]float32, T*n)
	for i := range v {
		t, k := float64(i/n), i%n
		sin, cos := math.Sincos(t * math.Exp(-math.Log(10000)*float64(k/2*2)/float64(n)))
		if v[i] = float32(sin); k%2 == 1 {
			v[i] = float32(cos)
		}
	}
	return g.Literal(v, T, n)
}

// pointwise is a convolution of kernel 1 along time: a linear layer of x (N, T, n) whose weight is (out, n, 1).
func pointwise(s *Scope, x *Tensor, out int, biased bool, act Activation) *Tensor {
	n := x.Last()
	init := Uniform(1 / math.Sqrt(float64(n)))
	w := s.Param("weight", init, out, n, 1).Reshape(out, n)
	var b *Tensor
	if biased {
		b = s.Param("bias", init, out)
	}
	return x.Linear(w, b, act)
}

// feed is the two linear maps of a layer (Vaswani et al. 2017, eq. 2) and what drops of them.
func (c coder) feed(s *Scope, x *Tensor, biased bool) *Tensor {
	y := c.drop(s, pointwise(s.In("conv1"), x, c.ConvHidden, biased, coderActivations[c.Activation]))
	return c.drop(s, pointwise(s.In("conv2"), y, c.Hidden, biased, Identity))
}

// An attend is attention of queries x (N, T, hidden) to y (N, S, hidden), and gives (N, T, hidden).
type attend func(s *Scope, x, y *Tensor) *Tensor

// attention is multi-head attention (Vaswani et al. 2017, §3.2) whose heads' own is given: of q (N, heads, T, d), k and v (N, heads, S, d), all
// heads' results side by side (N, T, width).
func (c coder) attention(heads func(s *Scope, q, k, v *Tensor) *Tensor) attend {
	return func(s *Scope, x, y *Tensor) *Tensor {
		part := func(name string, x *Tensor) *Tensor {
			return splitHeads(Dense(s.In(name), x, c.width(), Identity), c.Heads)
		}
		return Dense(s.In("out"), heads(s, part("query", x), part("key", y), part("value", y)), c.Hidden, Identity)
	}
}

// transform is encoder and decoder of Vaswani et al. 2017, figure 1, and the forecast of the horizon's steps (N, H·K). self, masked and
// cross are attention in the encoder, in the decoder, and of the decoder to the encoder; between stands behind each layer of
// the encoder but the last, if it is not nil; what all steps of all windows have in common is lost in it. If rows, each query's result depends on no other query.
func (c coder) transform(s *Scope, u univariate, self, masked, cross attend, between func(s *Scope, x *Tensor) *Tensor, rows bool) *Tensor {
	L, H := u.past.Last(), u.Horizon
	label := c.label(L)
	embed := func(s *Scope, y *Tensor, from int) *Tensor {
		x := c.embed(s, u, y, from)
		return c.drop(s, x.Add(positions(x.g, y.Last(), c.Hidden))) // (N, T, hidden)
	}
	x := embed(s.In("encoder_embedding"), u.past, 0)
	e := s.In("encoder")
	for i := range c.EncoderLayers {
		s := e.In("layers").In(strconv.Itoa(i))
		x = LayerNorm(s.In("norm1"), x.Add(c.drop(s, self(s.In("attention"), x, x))), layerNormEps)
		joined := between != nil && i < c.EncoderLayers-1
		x = layerNormBut(s.In("norm2"), x.Add(c.feed(s, x, true)), layerNormEps, joined)
		if joined {
			x = between(e.In("between").In(strconv.Itoa(i)), x)
		}
	}
	memory := LayerNorm(e.In("norm"), x, layerNormEps)

	d := s.In("decoder")
	y := embed(s.In("decoder_embedding"), u.past.Slice(1, L-label, L).Pad(1, 0, H), L-label)
	for i := range c.DecoderLayers {
		s := d.In("layers").In(strconv.Itoa(i))
		asks := y
		horizon := func(x *Tensor) *Tensor { return x.Slice(1, x.Shape[1]-H, x.Shape[1]) }
		if last := i == c.DecoderLayers-1; last && rows { // nothing reads the other steps any more
			asks = horizon(y)
		}
		asks = LayerNorm(s.In("norm1"), asks.Add(c.drop(s, masked(s.In("self_attention"), asks, y))), layerNormEps)
		asks = asks.Add(c.drop(s, cross(s.In("cross_attention"), asks, memory)))
		if i == c.DecoderLayers-1 && !rows {
			asks = horizon(asks)
		}
		asks = LayerNorm(s.In("norm2"), asks, layerNormEps)
		y = LayerNorm(s.In("norm3"), asks.Add(c.feed(s, asks, true)), layerNormEps)
	}
	y = Dense(d.In("out"), LayerNorm(d.In("norm"), y, layerNormEps), u.Outputs, Identity) // (N, H, K)
	return y.Reshape(y.Shape[0], u.Width())
}
