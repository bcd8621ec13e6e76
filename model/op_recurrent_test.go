package model

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// The inputs of a case are x (T, N, M), w (M, H), and what else the cell has: GRU b, EALSTM in, then h0 and c0.
var recurrentCases = slices.Concat(
	cellCases("lstm", 4, [][]int{{3, 5}}, true, func(in []*Tensor) (*Cell, *Tensor, []*Tensor) { return LSTMCell(in[1], Tanh), nil, in[2:] }),
	cellCases("ealstm", 3, [][]int{{3, 5}}, true, func(in []*Tensor) (*Cell, *Tensor, []*Tensor) { return EALSTMCell(in[1]), in[2], in[3:] }),
	cellCases("gru", 3, [][]int{{3, 5}, {3, 6}}, false, func(in []*Tensor) (*Cell, *Tensor, []*Tensor) { return GRUCell(in[1], in[2]), nil, in[3:] }),
	cellCases("rnn tanh", 1, [][]int{{3, 5}, {9, 50}}, false, func(in []*Tensor) (*Cell, *Tensor, []*Tensor) { return RNNCell(in[1], Tanh), nil, in[2:] }),
	reluCases(),
)

// cellCases are a cell from zeros and from a first state, for each (N, H), the second of them with what the state behind the last step holds.
func cellCases(name string, gates int, sizes [][]int, cells bool, build func(in []*Tensor) (c *Cell, in1 *Tensor, state []*Tensor)) (cases []opCase) {
	const T = 4
	for _, s := range sizes {
		N, H := s[0], s[1]
		shapes := [][]int{{T, N, gates * H}, {gates * H, H}}
		switch name {
		case "gru":
			shapes = append(shapes, []int{3 * H})
		case "ealstm":
			shapes = append(shapes, []int{N, H})
		}
		state := [][]int{{N, H}}
		if cells {
			state = append(state, []int{N, H})
		}
		for _, first := range []bool{false, true} {
			c := opCase{name: fmt.Sprintf("%s of %d×%d, first state %v", name, N, H, first), shapes: shapes, build: func(in []*Tensor) *Tensor {
				c, gate, from := build(in)
				var st CellState
				if len(from) > 0 {
					st.h = from[0]
				}
				if len(from) > 1 {
					st.c = from[1]
				}
				h, last := c.Run(in[0], gate, st)
				if last.c == nil {
					return h
				}
				return Concat(0, h, last.c.Reshape(1, N, H))
			}, want: func(in [][]float32) []float64 { return slowCell(name, T, N, H, in) },
				domain: func(x float32) float32 { return .4 * x }} // a recurrence of larger weights amplifies every rounding
			if first {
				c.shapes = slices.Concat(shapes, state)
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// reluCases have inputs so far from 0, and weights so small, that no finite difference crosses the kink.
func reluCases() []opCase {
	cases := cellCases("rnn relu", 1, [][]int{{3, 5}, {9, 50}}, false, func(in []*Tensor) (*Cell, *Tensor, []*Tensor) {
		return RNNCell(in[1].Scale(reluWeight), ReLU), nil, in[2:]
	})
	for i := range cases {
		cases[i].domain = func(x float32) float32 { return .4*x + float32(math.Copysign(2, float64(x))) }
	}
	return cases
}

const reluWeight = .02

// slowCell is all h, and the last c of cells that have one.
func slowCell(name string, T, N, H int, in [][]float32) (out []float64) {
	x, w, more := in[0], in[1], in[2:]
	M := len(w) / H
	var b, gate []float32
	switch name {
	case "gru":
		b, more = more[0], more[1:]
	case "ealstm":
		gate, more = more[0], more[1:]
	}
	h, c := make([]float64, N*H), make([]float64, N*H)
	for i := range h {
		if len(more) > 0 {
			h[i] = float64(more[0][i])
		}
		if len(more) > 1 {
			c[i] = float64(more[1][i])
		}
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	act := math.Tanh
	if name == "lstm selu" {
		act = func(x float64) float64 { return 1.0507010 * (math.Max(x, 0) + 1.6732632*math.Expm1(math.Min(x, 0))) }
	}
	for t := range T {
		next := make([]float64, N*H)
		for n := range N {
			for j := range H {
				at := n*H + j
				own := func(k int) float64 { return float64(x[(t*N+n)*M+k*H+j]) }
				rec := func(k int) (s float64) {
					for l := range H {
						s += float64(w[(k*H+j)*H+l]) * h[n*H+l]
					}
					return s
				}
				z := func(k int) float64 { return own(k) + rec(k) }
				switch name {
				case "lstm", "lstm selu":
					c[at] = sigmoid(z(1))*c[at] + sigmoid(z(0))*act(z(2))
					next[at] = sigmoid(z(3)) * act(c[at])
				case "ealstm":
					c[at] = sigmoid(z(0))*c[at] + float64(gate[at])*act(z(2))
					next[at] = sigmoid(z(1)) * act(c[at])
				case "gru":
					bias := func(k int) float64 { return float64(b[k*H+j]) }
					r, u := sigmoid(z(0)+bias(0)), sigmoid(z(1)+bias(1))
					next[at] = (1-u)*math.Tanh(own(2)+r*(rec(2)+bias(2))) + u*h[at]
				case "rnn tanh":
					next[at] = math.Tanh(z(0))
				case "rnn relu":
					next[at] = math.Max(own(0)+reluWeight*rec(0), 0)
				}
			}
		}
		h = next
		out = append(out, h...)
	}
	if name == "lstm" || name == "lstm selu" || name == "ealstm" {
		out = append(out, c...)
	}
	return out
}

// layersOf is the op of a file's case of whole layers: inputs x (N, T, n), the first states (layers, N, H), four weights a
// layer; outputs the sequence and the last states.
func layersOf(states int, cell func(w, b *Tensor) *Cell) func(in []*Tensor) []*Tensor {
	return func(in []*Tensor) []*Tensor {
		x, weights := in[0].Transpose(0, 1), in[1+states:]
		N, H := x.Shape[1], in[1].Last()
		var hs, cs []*Tensor
		for i := 0; i < len(weights); i += 4 {
			wih, whh, bih, bhh := weights[i], weights[i+1], weights[i+2], weights[i+3]
			c := cell(whh, bhh)
			if c.b == nil {
				bih = bih.Add(bhh)
			}
			first := CellState{h: in[1].Slice(0, i/4, i/4+1).Reshape(N, H)}
			if states == 2 {
				first.c = in[2].Slice(0, i/4, i/4+1).Reshape(N, H)
			}
			h, last := c.Run(x.Linear(wih, bih, Identity), nil, first)
			x, hs = h, append(hs, last.h.Reshape(1, N, H))
			if states == 2 {
				cs = append(cs, last.c.Reshape(1, N, H))
			}
		}
		out := []*Tensor{x.Transpose(0, 1), Concat(0, hs...)}
		if states == 2 {
			out = append(out, Concat(0, cs...))
		}
		return out
	}
}

func plainCell(f func(w *Tensor, act Activation) *Cell, act Activation) func(w, b *Tensor) *Cell {
	return func(w, _ *Tensor) *Cell { return f(w, act) }
}

// SELU is not smooth at 0, where finite differences tell nothing: values here, gradients by deeprc_lstm_selu of goldenNets.
func TestLSTMCellWithSELU(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, c := range cellCases("lstm selu", 4, [][]int{{3, 5}}, true, func(in []*Tensor) (*Cell, *Tensor, []*Tensor) { return LSTMCell(in[1], SELU), nil, in[2:] }) {
			data := c.inputs(1)
			g, ins, y := c.graph()
			got := run(t, g, ins, data, y)[0]
			for i, w := range c.want(data) {
				if math.Abs(float64(got[i])-w) > 1e-5 {
					t.Fatalf("%s: value %d is %g, want %g", c.name, i, got[i], w)
				}
			}
		}
	})
}

// States and gradients are the same bits on any number of threads.
func TestRecurrentOnThreads(t *testing.T) {
	const T, N, H = 5, 37, 50
	var want [][]float32
	for _, threads := range []int{1, 2, 3, 7} {
		dev, err := CPU(threads)
		must(t, err)
		defer dev.Close()
		g := &Graph{}
		x, w := g.Input(F32, T, N, 4*H), g.Input(F32, 4*H, H)
		h, last := LSTMCell(w, Tanh).Run(x, nil, CellState{})
		d := g.Gradients(h.Sum().Reshape(1).Add(last.c.Sum().Reshape(1)), x)
		r, err := dev.Compile(g.Plan(align, h, d[0]), nil)
		must(t, err)
		for _, in := range []*Tensor{x, w} {
			data := make([]float32, in.Len())
			for i := range data {
				data[i] = float32(i*7%23)/23 - .5
			}
			must(t, r.Write(in, data))
		}
		must(t, r.Run())
		var got [][]float32
		for _, y := range []*Tensor{h, d[0]} {
			v := make([]float32, y.Len())
			must(t, r.Read(v, y))
			got = append(got, v)
		}
		if want == nil {
			want = got
		}
		for i := range got {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("output %d on %d threads differs from that on one", i, threads)
			}
		}
	}
}

// BenchmarkRecurrent is an LSTM layer forward and backward: DEEPRC's part of a training step.
func BenchmarkRecurrent(b *testing.B) {
	for _, s := range [][3]int{{32, 24, 128}, {128, 96, 128}, {256, 365, 128}, {128, 21, 320}} {
		N, T, H := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("B%d_L%d_H%d", N, T, H), func(b *testing.B) {
			dev, err := CPU(2)
			must(b, err)
			defer dev.Close()
			g := &Graph{}
			x, wih, whh, bias := g.Input(F32, T, N, H), g.Input(F32, 4*H, H), g.Input(F32, 4*H, H), g.Input(F32, 4*H)
			h, _ := LSTMCell(whh, Tanh).Run(x.Linear(wih, bias, Identity), nil, CellState{})
			r, err := dev.Compile(g.Plan(0, g.Gradients(h.Sum().Reshape(1), x, wih, whh, bias)...), nil)
			must(b, err)
			for _, in := range []*Tensor{x, wih, whh, bias} {
				d := make([]float32, in.Len())
				for i := range d {
					d[i] = (float32(i*7%23)/23 - .5) / 8
				}
				must(b, r.Write(in, d))
			}
			for b.Loop() {
				must(b, r.Run())
			}
		})
	}
}
