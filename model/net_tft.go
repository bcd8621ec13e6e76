package model

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

var _ = register(Kind{Name: "tft", Family: "attention", Paper: "Lim et al., Temporal Fusion Transformers for interpretable multi-horizon time series forecasting, Int. J. Forecasting 2021", Defaults: map[string]any{"scaler": "robust"},
	New: func() Net { return &TFT{} }})

// TFT weighs its columns at every step by what they and the statics say (§4.2), runs recurrent layers over lookback and
// horizon (§4.5.1), and lets each step of the horizon attend to all before it (§4.4). Gated residual networks (§4.1) stand between.
// Where no column is known in advance, the last value of the past takes the place of one, as in NeuralForecast.
type TFT struct {
	Hidden           int     `toml:"hidden" default:"128" doc:"units of every layer"`
	Heads            int     `toml:"heads" default:"4" doc:"of the attention; must divide hidden"`
	Dropout          float64 `toml:"dropout" default:"0.1" doc:"share of the units that are dropped in gated residual networks and behind the attention"`
	AttentionDropout float64 `toml:"attention_dropout" default:"0.0" doc:"share of the attention's weights that are dropped"`
	Activation       string  `toml:"activation" default:"elu" doc:"of gated residual networks: elu, gelu, relu, softplus, tanh, selu, leaky_relu or sigmoid"`
	Cell             string  `toml:"cell" default:"lstm" doc:"of the recurrent layers: lstm or gru"`
	Layers           int     `toml:"layers" default:"1" doc:"recurrent layers"`
	OneState         bool    `toml:"one_state" default:"false" doc:"the statics make one state before the first step for all recurrent layers, not one for each"`
}

// grnActivations are those of gated residual networks.
var grnActivations = func() map[string]Activation {
	all := maps.Clone(activations)
	all["elu"], all["gelu"] = ELU, GELU
	return all
}()

const tftEps = 1e-3 // of layer norms, as NeuralForecast has it

func (n TFT) check(_, _ int) error {
	if err := firstError(size("hidden", n.Hidden), size("heads", n.Heads)); err != nil {
		return err
	}
	if n.Hidden == 1 {
		return errors.New("hidden = 1: a norm of one value says nothing")
	}
	if n.Hidden%n.Heads != 0 {
		return fmt.Errorf("heads = %d: must divide hidden = %d", n.Heads, n.Hidden)
	}
	return firstError(checkHeads(n.Hidden, n.Heads), checkDropout("dropout", n.Dropout), checkDropout("attention_dropout", n.AttentionDropout),
		oneOf("activation", n.Activation, slices.Sorted(maps.Keys(grnActivations))...), oneOf("cell", n.Cell, "lstm", "gru"), size("layers", n.Layers))
}

// checkHeads is the error of heads that [Tensor.Attention] is not made for.
func checkHeads(hidden, heads int) error {
	if hidden/heads > maxHead {
		return fmt.Errorf("heads = %d: hidden = %d makes them wider than %d", heads, hidden, maxHead)
	}
	return nil
}

// Forward is time first: (T, N, …), T = L + H.
func (n TFT) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	N, L, H := u.past.Shape[0], u.past.Last(), b.Horizon
	T := L + H
	var known *Tensor
	if u.Future != nil {
		known = u.steps(u.Future, 0, T) // (T, N, F)
	} else {
		known = u.past.Slice(1, L-1, L).Reshape(1, N, 1).Expand(T, N, 1)
	}
	future := n.embed(s, "futr_exog", known)
	past := future.steps(0, L).beside(n.embed(s, "tgt", u.past.Transpose(0, 1).Unsqueeze(2)))
	if u.Hist != nil {
		past = n.embed(s, "hist_exog", u.steps(u.Hist, 0, L)).beside(past)
	}

	var selection, enrichment *Tensor // contexts (N, hidden) of the statics, nil without (§4.3)
	var state []CellState
	if u.Static != nil {
		selection, enrichment, state = n.statics(s.In("static_encoder"), u, n.embed(s, "stat_exog", u.Static))
	}

	e := s.In("temporal_encoder")
	keep := func(x *Tensor) *Tensor { return x }
	layers := func(name string) []recurrentLayer {
		return recurrentLayers(e.In(name), n.Cell, n.Hidden, n.Hidden, n.Layers, 0)
	}
	seen := n.choose(e.In("history_vsn"), past, selection) // (L, N, hidden)
	h, state := runLayers(layers("history_encoder"), seen, state, keep)
	coming := n.choose(e.In("future_vsn"), future.steps(L, T), selection) // (H, N, hidden)
	h2, _ := runLayers(layers("future_encoder"), coming, state, keep)
	x := GLU(e.In("input_gate").In("lin"), Concat(0, h, h2), n.Hidden).Add(Concat(0, seen, coming))
	x = LayerNorm(e.In("input_gate_ln"), x, tftEps) // (T, N, hidden)

	d := s.In("temporal_fusion_decoder")
	rich := n.grn(d.In("enrichment_grn"), x, enrichment)
	a := n.attention(d.In("attention"), rich, H) // (H, N, hidden)
	a = LayerNorm(d.In("attention_ln"), GLU(d.In("attention_gate").In("lin"), a, n.Hidden).Add(rich.Slice(0, L, T)), tftEps)
	a = n.grn(d.In("positionwise_grn"), a, nil)
	a = LayerNorm(d.In("decoder_ln"), GLU(d.In("decoder_gate").In("lin"), a, n.Hidden).Add(x.Slice(0, L, T)), tftEps)
	return u.forecast(stepwise(Dense(s.In("output_adapter"), a, b.Outputs, Identity)))
}

// embed is columns with parameters name_embedding_vectors, of variance 2/(V + hidden) (Glorot and Bengio 2010, eq. 12), and name_embedding_bias, from 0.
func (n TFT) embed(s *Scope, name string, columns *Tensor) embedded {
	s, name = s.In("embedding"), name+"_embedding_"
	V := columns.Last()
	init := Normal(math.Sqrt(2 / float64(V+n.Hidden)))
	return embedded{columns, s.Param(name+"vectors", init, V, n.Hidden), s.Param(name+"bias", constant(0), V, n.Hidden)}
}

// attention is that of the last H steps of x (T, N, hidden) on those up to each, whose heads share their values (§4.4): (H, N, hidden).
func (n TFT) attention(s *Scope, x *Tensor, H int) *Tensor {
	T, N, heads, d := x.Shape[0], x.Shape[1], n.Heads, n.Hidden/n.Heads
	w := s.In("qkv_linears").Param("weight", Uniform(1/math.Sqrt(float64(n.Hidden))), (2*heads+1)*d, n.Hidden)
	split := func(x *Tensor, from, heads int) *Tensor { // (N, heads, time, d)
		y := x.Linear(w.Slice(0, from*d, (from+heads)*d), nil, Identity)
		return y.Reshape(x.Shape[0], N, heads, d).Permute(1, 2, 0, 3)
	}
	q, k, v := split(x.Slice(0, T-H, T), 0, heads), split(x, heads, heads), split(x, 2*heads, 1).Expand(N, heads, T, d)
	ahead := make([]float32, H*T)
	for i := range ahead {
		if i%T > T-H+i/T {
			ahead[i] = float32(math.Inf(-1))
		}
	}
	y := s.Attention(q, k, v, x.g.Literal(ahead, H, T), float32(1/math.Sqrt(float64(d))), false, n.AttentionDropout)
	y = y.Mean(1).Squeeze(1).Transpose(0, 1) // (H, N, d)
	out := s.In("out_proj").Param("weight", Uniform(1/math.Sqrt(float64(d))), n.Hidden, d)
	return s.Dropout(y.Linear(out, nil, Identity), 1, n.Dropout)
}

// statics are the contexts of choice and enrichment, and the state before the first step (§4.3), made once for all channels of a window.
func (n TFT) statics(s *Scope, u univariate, x embedded) (selection, enrichment *Tensor, state []CellState) {
	v := n.choose(s.In("vsn"), x, nil) // (B, hidden)
	count := 0
	context := func() *Tensor {
		elu := n
		elu.Activation = "elu"
		c := elu.grn(s.In("context_grns").In(strconv.Itoa(count)), v, nil)
		count++
		return u.perChannel(c) // (N, hidden)
	}
	contexts := func() []*Tensor {
		all := make([]*Tensor, n.Layers)
		for i := range all {
			if i > 0 && n.OneState {
				all[i] = all[0]
			} else {
				all[i] = context()
			}
		}
		return all
	}
	selection, enrichment = context(), context()
	h, c := contexts(), make([]*Tensor, n.Layers)
	if n.Cell == "lstm" {
		c = contexts()
	}
	for i := range h {
		state = append(state, CellState{h[i], c[i]})
	}
	return selection, enrichment, state
}

// choose is the mean of gated residual networks of each column, weighted by a softmax of one of all columns and the context (§4.2): (…, hidden).
func (n TFT) choose(s *Scope, x embedded, context *Tensor) *Tensor {
	V := x.columns.Last()
	var weights, sum *Tensor
	if V > 1 {
		weights = n.residual(s.In("joint_grn"), x, V, context, 0).Softmax() // (…, V)
	}
	for i := range V {
		y := n.residual(s.In("var_grns").In(strconv.Itoa(i)), x.column(i), n.Hidden, nil, n.Dropout)
		if V > 1 {
			y = y.Mul(weights.Slice(-1, i, i+1))
		}
		if sum == nil {
			sum = y
		} else {
			sum = sum.Add(y)
		}
	}
	return sum
}

// grn is the gated residual network of x (…, hidden) and a context (N, hidden), nil for none.
func (n TFT) grn(s *Scope, x, context *Tensor) *Tensor {
	return n.residual(s, plain{x}, n.Hidden, context, n.Dropout)
}

// residual is a gated residual network: norm(x + GLU(W_i act(W_a x + W_c context))), x by a linear map where it has another width than out (§4.1).
func (n TFT) residual(s *Scope, x mapped, out int, context *Tensor, rate float64) *Tensor {
	h := x.through(denseParams(s.In("lin_a"), n.Hidden, x.width()))
	if context != nil {
		w := s.In("lin_c").Param("weight", Uniform(1/math.Sqrt(float64(n.Hidden))), n.Hidden, n.Hidden)
		h = h.Add(context.Linear(w, nil, Identity))
	}
	h = Dense(s.In("lin_i"), grnActivations[n.Activation].of(h), n.Hidden, Identity)
	h = GLU(s.In("glu").In("lin"), s.Dropout(h, len(h.Shape)-2, rate), out)
	skip := x.whole
	if out != x.width() {
		skip = func() *Tensor { return x.through(denseParams(s.In("out_proj"), out, x.width())) }
	}
	return LayerNorm(s.In("layer_norm").In("ln"), h.Add(skip()), tftEps)
}
