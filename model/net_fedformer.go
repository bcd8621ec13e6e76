package model

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
)

var _ = register(Kind{Name: "fedformer", Family: "frequency", Paper: "Zhou et al., FEDformer: Frequency Enhanced Decomposed Transformer for Long-term Series Forecasting, ICML 2022", Defaults: map[string]any{"heads": int64(8)},
	New: func() Net { return &FEDformer{} }})

// FEDformer is Autoformer with attention among a few modes of the Fourier transform, complex numbers all (§3.2): in encoder and decoder each mode is
// mixed by a matrix of its own, which all layers share, and the decoder's modes attend to those of the encoder by a tanh. What NeuralForecast does
// besides is done here as well: the mixed modes are read as the lowest frequencies, and a result of cross-attention is divided by hidden². There
// the heads are 8 always.
type FEDformer struct {
	coder
	Modes      int    `toml:"modes" default:"64" doc:"modes of the Fourier transform that count, at most half as many as there are steps"`
	ModeSelect string `toml:"mode_select" default:"random" doc:"which: random or low"`
	ModeSeed   int    `toml:"mode_seed" default:"1" doc:"random: what they are drawn from; weights belong to the modes, so that this is not the run's seed"`
	Kernel     int    `toml:"kernel" default:"25" doc:"steps of the moving average that is the trend; odd"`

	frequencies map[string][]int // by name; nil: as ModeSelect says
}

func (n FEDformer) check(lookback, _ int) error {
	return firstError(n.coder.check(lookback), size("modes", n.Modes), oneOf("mode_select", n.ModeSelect, "random", "low"), checkKernel(n.Kernel))
}

// exchange is the error of weights that belong to modes which a checkpoint of NeuralForecast does not name.
func (n FEDformer) exchange() error {
	if n.ModeSelect == "random" && n.frequencies == nil {
		return errors.New("mode_select = \"random\": NeuralForecast's checkpoints do not say which modes were drawn: weights can be neither imported nor exported")
	}
	return nil
}

// unread are parameters of NeuralForecast's layers that its Fourier blocks do not read.
func (FEDformer) unread() []string {
	return []string{"encoder.attn_layers.{i}.attention.key_projection.*", "encoder.attn_layers.{i}.attention.value_projection.*",
		"decoder.layers.{i}.self_attention.key_projection.*", "decoder.layers.{i}.self_attention.value_projection.*",
		"decoder.layers.{i}.cross_attention.value_projection.*", "*.inner_correlation.weights1"} // a block of several layers is listed for each
}

// modes are the frequencies of a block, of a series of T steps.
func (n FEDformer) modes(name string, T int) []int {
	if at, ok := n.frequencies[name]; ok {
		return at
	}
	if n.ModeSelect == "low" {
		return someModes(n.Modes, T/2, nil)
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	return someModes(n.Modes, T/2, rand.New(rand.NewPCG(uint64(n.ModeSeed), h.Sum64())).Perm)
}

func (n FEDformer) Forward(s *Scope, b Batch) *Tensor {
	u, c := b.univariate(), n.coder
	L, H := u.past.Last(), u.Horizon
	T := min(L/2+H, c.label(L)+H) // of the decoder; as if it always read half of the lookback
	// NeuralForecast cuts the units' series, one behind the other, into steps: it does not bring the units of a step together before.
	cut := func(x *Tensor) *Tensor { return x.Reshape(x.Shape[0], x.Shape[2], x.Shape[1]) }
	without := func(at []int) bool { return at[0] != 0 } // a bias is all in mode 0
	self := func(block, name string, at []int) attend {
		return func(layer *Scope, x, _ *Tensor) *Tensor { // §3.2, FEB-f
			q := toModes(denseBut(layer.In("query"), x, c.width(), without(at)), at) // (N, 2M, width)
			q = mixModes(q, n.matrices(s.In(block), name, len(at)))
			return denseBut(layer.In("out"), cut(fromModes(q, lowModes(len(at)), x.Shape[1])), n.Hidden, block == "encoder" && n.Dropout == 0)
		}
	}
	encoder := self("encoder", "modes", n.modes("encoder", L))
	decoder := self("decoder", "self_modes", n.modes("decoder", T))
	queries, keys := n.modes("queries", T), n.modes("keys", L)
	cross := func(layer *Scope, x, y *Tensor) *Tensor { // §3.2, FEA-f
		q := splitHeads(toModes(denseBut(layer.In("query"), x, c.width(), without(queries)), queries), n.Heads) // (N, heads, 2M, E)
		k := splitHeads(toModes(denseBut(layer.In("key"), y, c.width(), without(keys)), keys), n.Heads)         // (N, heads, 2M', E): keys and values
		z := joinHeads(q.MatMulT(k).ComplexTanh().MatMul(k))                                                    // (N, 2M, width)
		z = mixModes(z, n.matrices(s.In("decoder"), "cross_modes", len(queries))).Scale(float32(n.scale()))
		return Dense(layer.In("out"), cut(fromModes(z, queries, x.Shape[1])), n.Hidden, Identity)
	}
	return u.forecast(c.seasonal(s, u, n.Kernel, encoder, decoder, cross))
}

// matrices are the parameter of that name for M modes: of each head and mode a complex matrix (heads, E, E, M, 2).
func (n FEDformer) matrices(s *Scope, name string, M int) *Tensor {
	E := n.width() / n.Heads
	return s.Param(name, func(_ int, u float64) float64 { return n.scale() * u }, n.Heads, E, E, M, 2)
}

// scale is that of initial matrices, and of the result of cross-attention.
func (n FEDformer) scale() float64 { return 1 / float64(n.Hidden*n.Hidden) }
