package model

import (
	"math"
	"slices"
	"strconv"
)

// recurrentLayer is a cell with what its inputs add to the gates. Its parameters are named as PyTorch's nn.LSTM
// names those of layer l: weight_ih_l (M, in), weight_hh_l (M, H), bias_ih_l (M), bias_hh_l (M), all from U(−1/√H, 1/√H).
type recurrentLayer struct {
	cell      *Cell
	in, bias  *Tensor
	projected *Tensor // weight_hr_l (P, H) of an LSTM with projection, else nil
}

// recurrentLayers are layers of hidden units over inputs of in columns, each on the one before. A projection of P > 0 columns
// (LSTM only) makes P of the hidden state's H before anything reads it (Sak, Senior and Beaufays 2014, eq. 6).
func recurrentLayers(s *Scope, kind string, in, hidden, layers, projection int) []recurrentLayer {
	init := Uniform(1 / math.Sqrt(float64(hidden)))
	gates := map[string]int{"lstm": 4, "lstm selu": 4, "gru": 3, "rnn": 1, "rnn relu": 1}[kind] * hidden
	width := hidden
	if projection > 0 {
		width = projection
	}
	all := make([]recurrentLayer, layers)
	for i := range all {
		param := func(name string, shape ...int) *Tensor { return s.Param(name+"_l"+strconv.Itoa(i), init, shape...) }
		l := recurrentLayer{in: param("weight_ih", gates, in)}
		w := param("weight_hh", gates, width)
		l.bias = param("bias_ih", gates)
		b := param("bias_hh", gates)
		if projection > 0 { // h = W_hr·(o act(c)) in W_hh·h: the cell of W_hh·W_hr on the state before the projection
			l.projected = param("weight_hr", width, hidden)
			w = w.MatMul(l.projected)
		}
		switch kind {
		case "lstm":
			l.cell, l.bias = LSTMCell(w, Tanh), l.bias.Add(b)
		case "lstm selu":
			l.cell, l.bias = LSTMCell(w, SELU), l.bias.Add(b)
		case "gru":
			l.cell = GRUCell(w, b)
		case "rnn":
			l.cell, l.bias = RNNCell(w, Tanh), l.bias.Add(b)
		case "rnn relu":
			l.cell, l.bias = RNNCell(w, ReLU), l.bias.Add(b)
		default:
			badBuild("recurrent: no cell %q", kind)
		}
		all[i], in = l, width
	}
	return all
}

// runLayers is the last layer's outputs (T, N, width) of x (T, N, in), time first, and the states behind the last step. from are
// those before the first; nil: zeros. drop is applied to the inputs of each layer but the first.
func runLayers(layers []recurrentLayer, x *Tensor, from []CellState, drop func(x *Tensor) *Tensor) (*Tensor, []CellState) {
	states := make([]CellState, len(layers))
	for i, l := range layers {
		if i > 0 {
			x = drop(x)
		}
		var first CellState
		if from != nil {
			first = from[i]
		}
		x, states[i] = l.cell.Run(x.Linear(l.in, l.bias, Identity), nil, first)
		if l.projected != nil {
			x = x.Linear(l.projected, nil, Identity)
		}
	}
	return x, states
}

// sequence is what a recurrent net reads of steps from to to: y (N, time), then
// columns, those of a window (B, X, time) or of its series (B, S), nil for none, the same
// for all channels → (T, N, columns), time first.
func (u univariate) sequence(from, to int, y *Tensor, columns ...*Tensor) *Tensor {
	N, T := y.Shape[0], to-from
	x := y.Slice(1, from, to).Transpose(0, 1).Unsqueeze(2) // (T, N, 1)
	var more []*Tensor
	for _, c := range columns {
		switch {
		case c == nil:
		case len(c.Shape) == 2:
			static := u.perChannel(c) // (N, S)
			more = append(more, static.Unsqueeze(0).Expand(T, N, static.Last()))
		default:
			more = append(more, u.steps(c, from, to))
		}
	}
	if more == nil {
		return x
	}
	return Concat(2, append([]*Tensor{x}, more...)...)
}

// columns counts what sequence puts side by side.
func (univariate) columns(columns ...*Tensor) int {
	n := 1
	for _, c := range columns {
		if c != nil {
			n += c.Shape[1]
		}
	}
	return n
}

// steps is steps from to to of the columns x (B, X, time), time first and for each channel, (T, N, X).
func (u univariate) steps(x *Tensor, from, to int) *Tensor {
	B, X, C, T := x.Shape[0], x.Shape[1], u.Past.Shape[1], to-from
	return x.Slice(2, from, to).Permute(2, 0, 1).Unsqueeze(2).Expand(T, B, C, X).Reshape(T, B*C, X)
}

// stepwise is y (H, N, K), time first, as univariate.forecast wants it.
func stepwise(y *Tensor) *Tensor {
	N := y.Shape[1]
	return y.Transpose(0, 1).Reshape(N, y.Len()/N)
}

// decoderMLP is layers linear maps, with ReLU between them (…, out).
func decoderMLP(s *Scope, x *Tensor, layers, hidden, out int) *Tensor {
	return perceptron(s, x, ReLU, append(slices.Repeat([]int{hidden}, layers-1), out)...)
}

// perceptron is linear maps to these widths, with the activation between them.
func perceptron(s *Scope, x *Tensor, act Activation, widths ...int) *Tensor {
	for i, w := range widths {
		if i == len(widths)-1 {
			act = Identity
		}
		x = Dense(s.In(strconv.Itoa(i)), x, w, act)
	}
	return x
}
