package model

import (
	"math"
	"strconv"
)

var _ = register(Kind{Name: "dilatedrnn", Family: "recurrent", Paper: "Chang et al., Dilated recurrent neural networks, NeurIPS 2017, as NeuralForecast's DilatedRNN, Olivares et al., 2022", Defaults: map[string]any{"scaler": "robust"},
	New: func() Net { return &DilatedRNN{} }})

// DilatedRNN is groups of recurrent layers, each of which reads the state of
// some steps before rather than of the last one. Groups but the first add their
// input to their output. A linear map along time and a perceptron decode.
type DilatedRNN struct {
	Cell          string  `toml:"cell" default:"lstm" doc:"lstm, gru, rnn or reslstm (Kim, El-Khamy and Lee 2017)"`
	Dilations     [][]int `toml:"dilations" default:"[[1, 2], [4, 8]]" doc:"steps to the state that is read, for each layer of each group"`
	Hidden        int     `toml:"hidden" default:"128" doc:"units of each layer"`
	DecoderLayers int     `toml:"decoder_layers" default:"2" doc:"linear layers of the decoder, with ReLU between them"`
	DecoderHidden int     `toml:"decoder_hidden" default:"128" doc:"units between them"`
}

func (n DilatedRNN) check(_, _ int) error {
	if len(n.Dilations) == 0 {
		return size("dilations", 0)
	}
	for _, group := range n.Dilations {
		if err := sizes("dilations", group, max(1, len(group))); err != nil {
			return err
		}
	}
	return firstError(oneOf("cell", n.Cell, "lstm", "gru", "rnn", "reslstm"), size("hidden", n.Hidden),
		size("decoder_layers", n.DecoderLayers), size("decoder_hidden", n.DecoderHidden))
}

func (n DilatedRNN) Forward(s *Scope, b Batch) *Tensor {
	u := b.univariate()
	L, H := u.past.Last(), b.Horizon
	x := u.sequence(0, L, u.past, u.Hist, u.Static, u.Future)
	for g, group := range n.Dilations {
		y := x
		for l, dilation := range group {
			y = n.layer(s.In("stack").In(strconv.Itoa(g)).In(strconv.Itoa(l)), y, dilation)
		}
		if g > 0 {
			y = y.Add(x)
		}
		x = y // (L, N, hidden)
	}
	h := Dense(s.In("context"), x.Permute(1, 2, 0), H, Identity).Permute(2, 0, 1) // (H, N, hidden)
	if u.Future != nil {
		h = Concat(2, h, u.steps(u.Future, L, L+H))
	}
	return u.forecast(stepwise(decoderMLP(s.In("decoder"), h, n.DecoderLayers, n.DecoderHidden, b.Outputs)))
}

// layer runs the cell over x (L, N, in) as over dilation series each, of which
// one starts at each of the first steps (§3.2): time first, that is a view.
func (n DilatedRNN) layer(s *Scope, x *Tensor, dilation int) *Tensor {
	L, N, in := x.Shape[0], x.Shape[1], x.Last()
	T := (L + dilation - 1) / dilation
	x = x.Pad(0, 0, T*dilation-L).Reshape(T, dilation*N, in)
	if n.Cell == "reslstm" {
		x = n.residual(s, x)
	} else {
		x, _ = runLayers(recurrentLayers(s, n.Cell, in, n.Hidden, 1, 0), x, nil, nil)
	}
	return x.Reshape(T*dilation, N, n.Hidden).Slice(0, 0, L)
}

// residual is an LSTM whose gates i, f, o read the cell, too, and whose output
// is o (tanh(c) + x), x by a linear map where it has another width (Kim,
// El-Khamy and Lee, Residual LSTM, Interspeech 2017, eq. 11 to 16), as NeuralForecast
// has it: the cell's own input reads the state alone.
func (n DilatedRNN) residual(s *Scope, x *Tensor) *Tensor {
	T, N, in, H := x.Shape[0], x.Shape[1], x.Last(), n.Hidden
	init := Uniform(1 / math.Sqrt(float64(H)))
	matrix := func(name string, rows, cols int) *Tensor { return s.Param("weight_"+name, init, rows, cols) }
	bias := func(name string, n int) *Tensor { return s.Param("bias_"+name, init, n) }
	gates := x.Linear(matrix("ii", 3*H, in), bias("ii", 3*H).Add(bias("ic", 3*H)).Add(bias("ih", 3*H)), Identity) // (T, N, 3·hidden)
	hidden, cell := matrix("ih", 3*H, H), matrix("ic", 3*H, H)
	w, wBias := matrix("hh", H, H), bias("hh", H)
	skip := x
	if in != H {
		skip = x.Linear(matrix("ir", H, in), nil, Identity)
	}
	step := func(x *Tensor, t int) *Tensor { return x.Slice(0, t, t+1).Squeeze(0) }
	var h, c *Tensor
	var all []*Tensor
	for t := range T {
		z := step(gates, t)
		g := wBias.Unsqueeze(0)
		if h != nil {
			z = z.Add(h.Linear(hidden, nil, Identity)).Add(c.Linear(cell, nil, Identity))
			g = h.Linear(w, wBias, Identity)
		}
		z = z.Sigmoid()
		new := z.Slice(1, 0, H).Mul(g.Tanh())
		if c != nil {
			new = new.Add(z.Slice(1, H, 2*H).Mul(c))
		}
		c = new
		h = z.Slice(1, 2*H, 3*H).Mul(c.Tanh().Add(step(skip, t)))
		all = append(all, h.Reshape(1, N, H))
	}
	return Concat(0, all...)
}
