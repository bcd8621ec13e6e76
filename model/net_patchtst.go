package model

import (
	"fmt"
	"math"
	"strconv"
)

var _ = register(Kind{Name: "patchtst", Family: "attention", Paper: "Nie et al., A Time Series is Worth 64 Words: Long-term Forecasting with Transformers, ICLR 2023", New: func() Net { return &PatchTST{} }})

// PatchTST forecasts each channel from patches of it: runs of steps that overlap, which a transformer's encoder takes for words (§3.1). Each window is
// scaled by its own deviation before (Kim et al., Reversible Instance Normalization, ICLR 2022), and the forecast scaled back.
type PatchTST struct {
	Layers            int     `toml:"layers" default:"3" doc:"layers of the encoder"`
	Heads             int     `toml:"heads" default:"16" doc:"heads of attention, among which hidden is split evenly"`
	Hidden            int     `toml:"hidden" default:"128" doc:"units of a patch"`
	FFHidden          int     `toml:"ff_hidden" default:"256" doc:"units between the two linear maps of a layer"`
	Patch             int     `toml:"patch" default:"16" doc:"steps of a patch; at most lookback + stride"`
	Stride            int     `toml:"stride" default:"8" doc:"steps from one patch to the next"`
	Dropout           float64 `toml:"dropout" default:"0.2" doc:"share dropped of embeddings, of attention's results, and in and behind the two linear maps"`
	AttentionDropout  float64 `toml:"attention_dropout" default:"0.0" doc:"share of attention's weights that are dropped"`
	HeadDropout       float64 `toml:"head_dropout" default:"0.0" doc:"share of the forecast that is dropped"`
	Activation        string  `toml:"activation" default:"gelu" doc:"between the two linear maps: gelu or relu"`
	ResidualAttention bool    `toml:"residual_attention" default:"true" doc:"add to the scores of attention those of the layer before"`
	PreNorm           bool    `toml:"pre_norm" default:"false" doc:"batch norms stand before attention and linear maps, not behind (NeuralForecast's batch_normalization)"`
	RevIN             bool    `toml:"revin" default:"true" doc:"scale each window by its own past"`
	RevINAffine       bool    `toml:"revin_affine" default:"false" doc:"revin: with a learned weight and bias"`
	RevINLast         bool    `toml:"revin_last" default:"true" doc:"revin: take away the past's last value; else its mean"`
}

func (n PatchTST) check(_, _ int) error {
	d := n.Hidden / max(n.Heads, 1)
	err := firstError(size("layers", n.Layers), size("heads", n.Heads), size("hidden", n.Hidden), size("ff_hidden", n.FFHidden), size("patch", n.Patch),
		size("stride", n.Stride), checkDropout("dropout", n.Dropout), checkDropout("attention_dropout", n.AttentionDropout),
		checkDropout("head_dropout", n.HeadDropout), oneOf("activation", n.Activation, "gelu", "relu"))
	switch {
	case err != nil:
		return err
	case n.Hidden%n.Heads != 0:
		return fmt.Errorf("heads = %d: hidden = %d cannot be split among them evenly", n.Heads, n.Hidden)
	case n.ResidualAttention && d*n.Layers > maxHead:
		return fmt.Errorf("residual_attention: layers·hidden/heads = %d: must be at most %d", d*n.Layers, maxHead)
	}
	return checkHead(d)
}

func (n PatchTST) scalesBack() string { return map[bool]string{true: "revin"}[n.RevIN] }

func (n PatchTST) Forward(s *Scope, b Batch) *Tensor { return scaledBack(n, s, b) }

func (n PatchTST) normalised(s *Scope, b Batch) (y *Tensor, back *windowScale) {
	if n.RevIN {
		var shape []int
		if n.RevINAffine {
			shape = []int{1}
		}
		b.Past, back = reversible(s.In("revin"), b.Past, n.RevINLast, shape...)
	}
	u := b.univariate()
	x, L := u.past, u.past.Last()                                                  // (N, L)
	z := x.PadReplicate(1, 0, n.Stride).Unfold(min(n.Patch, L+n.Stride), n.Stride) // (N, P, patch)
	N, P := z.Shape[0], z.Shape[1]
	w, bias := n.param(s.In("patch"), z.Last(), n.Hidden, n.PreNorm)
	z = z.Linear(w, nil, Identity).Add(s.Param("position", Uniform(.02), P, n.Hidden).Add(bias)) // (N, P, hidden)
	z = s.Dropout(z, 0, n.Dropout)
	var before scored
	for i := range n.Layers {
		z = n.layer(s.In("layers").In(strconv.Itoa(i)), z, &before)
	}
	y = Dense(s.In("head"), z.Transpose(1, 2).Reshape(N, n.Hidden*P), u.Width(), Identity) // (N, H·K)
	return u.forecast(s.Dropout(y, 0, n.HeadDropout)), back
}

// scored are the queries and keys of all layers so far, the last first, side by side (N, heads, P, …): the scores that they
// give are the sum of those of the layers (He et al., RealFormer, 2021, eq. 3).
type scored struct{ q, k *Tensor }

func (n PatchTST) layer(s *Scope, z *Tensor, before *scored) *Tensor {
	norm := func(name string, x *Tensor) *Tensor {
		return BatchNorm(s.In(name), x.Reshape(x.rows(), n.Hidden), 1).Reshape(x.Shape...)
	}
	if n.PreNorm {
		z = norm("norm1", z)
	}
	a := s.In("attention")
	// Weights of attention add up to 1: the value's bias is that of the result.
	q, k, v := splitHeads(Dense(a.In("query"), z, n.Hidden, Identity), n.Heads), splitHeads(Dense(a.In("key"), z, n.Hidden, Identity), n.Heads),
		splitHeads(n.dense(a.In("value"), z, n.Hidden, true), n.Heads) // (N, heads, P, d)
	scale := float32(1 / math.Sqrt(float64(q.Last())))
	if n.ResidualAttention {
		if before.q != nil {
			q, k = Concat(3, q, before.q), Concat(3, k, before.k)
		}
		*before = scored{q, k}
	}
	y := joinHeads(s.Attention(q, k, v, nil, scale, false, n.AttentionDropout)) // (N, P, hidden)
	y = n.dense(a.In("out"), y, n.Hidden, true)
	z = z.Add(s.Dropout(s.Dropout(y, 0, n.Dropout), 0, n.Dropout)) // once of the attention, once of the layer
	z = norm(map[bool]string{false: "norm1", true: "norm2"}[n.PreNorm], z)
	f := s.In("ff")
	y = s.Dropout(Dense(f.In("in"), z, n.FFHidden, coderActivations[n.Activation]), 0, n.Dropout)
	y = n.dense(f.In("out"), y, n.Hidden, !n.PreNorm)
	z = z.Add(s.Dropout(y, 0, n.Dropout))
	if !n.PreNorm {
		z = norm("norm2", z)
	}
	return z
}

// param are weight and bias of a linear layer. Where a batch norm takes the bias away again it stands still: see [BatchNorm].
func (n PatchTST) param(s *Scope, in, out int, normed bool) (w, b *Tensor) {
	w, b = denseParams(s, out, in)
	if normed && n.Dropout == 0 && n.AttentionDropout == 0 {
		b = b.Still()
	}
	return w, b
}

func (n PatchTST) dense(s *Scope, x *Tensor, out int, normed bool) *Tensor {
	w, b := n.param(s, x.Last(), out, normed)
	return x.Linear(w, b, Identity)
}
