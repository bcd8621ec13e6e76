package model

/*
#cgo noescape k_pack
#cgo nocallback k_pack
#cgo noescape k_recurrent
#cgo nocallback k_recurrent
#cgo noescape k_recurrent_grad
#cgo nocallback k_recurrent_grad
#include "recurrent.h"
*/
import "C"

import "slices"

// A Cell is one layer's recurrence over time, with PyTorch's order of the gates in the rows of its weights. What the
// inputs add to the gates, x W_ihᵀ + b_ih, is computed for all steps at once and given to Run, as it is a plain product.
type Cell struct {
	kind, act C.int64_t
	w         *Tensor // W_hh (M, H)
	b         *Tensor // GRU: b_hh (3H), which r multiplies in part; elsewhere it is part of x
	packed    *Tensor
}

// LSTMCell is i, f, o = σ(·), g = act(·), c = f c₋₁ + i g, h = o act(c), of w (4H, H) in the order i, f, g, o
// (Hochreiter and Schmidhuber 1997; Gers et al. 2000). act is Tanh or SELU.
func LSTMCell(w *Tensor, act Activation) *Cell { return newCell(C.CELL_LSTM, 4, w, nil, act) }

// EALSTMCell is an LSTM whose input gate comes from the statics and is the same at all steps (Kratzert et al.
// 2019, eq. 7 to 12), of w (3H, H) in the order f, o, g.
func EALSTMCell(w *Tensor) *Cell { return newCell(C.CELL_EALSTM, 3, w, nil, Tanh) }

// GRUCell is r, z = σ(·), n = tanh(x_n + r (W_hn h₋₁ + b_hn)), h = (1 − z) n + z h₋₁, of w (3H, H) and
// b (3H) in the order r, z, n (Cho et al. 2014, with the reset gate behind the product, as cuDNN has it).
func GRUCell(w, b *Tensor) *Cell { return newCell(C.CELL_GRU, 3, w, b, Tanh) }

// RNNCell is h = act(x + W_hh h₋₁), of w (H, H) (Elman 1990). act is Tanh or ReLU.
func RNNCell(w *Tensor, act Activation) *Cell { return newCell(C.CELL_RNN, 1, w, nil, act) }

func newCell(kind C.int64_t, gates int, w, b *Tensor, act Activation) *Cell {
	if len(w.Shape) != 2 || w.Shape[0] != gates*w.Shape[1] {
		badBuild("recurrent: w %v: want (%d·H, H)", w.Shape, gates)
	}
	c := &Cell{kind: kind, w: w, b: b}
	switch {
	case act == Tanh:
		c.act = C.ACT_TANH
	case act == ReLU && kind == C.CELL_RNN:
		c.act = C.ACT_RELU
	case act == SELU && kind == C.CELL_LSTM:
		c.act = C.ACT_SELU
	default:
		badBuild("recurrent: this cell has no activation %d", act)
	}
	if b != nil {
		if len(b.Shape) != 1 || b.Len() != w.Shape[0] {
			badBuild("recurrent: w %v, b %v: want b (%d)", w.Shape, b.Shape, w.Shape[0])
		}
		wantF32("recurrent", b)
	}
	wantF32("recurrent", w)
	c.packed = w.pack(true)
	return c
}

// A CellState is what a Cell hands on to its next step: h (N, H), and c (N, H) of cells that have one.
type CellState struct{ h, c *Tensor }

// Run is all hidden states h (T, N, H) of x (T, N, M), time first, and the state behind the last step. from is the state
// before the first step, zeros where it has no tensors; in (N, H) is EALSTMCell's input gate, nil elsewhere.
func (c *Cell) Run(x, in *Tensor, from CellState) (h *Tensor, last CellState) {
	M, H := c.w.Shape[0], c.w.Shape[1]
	if len(x.Shape) != 3 || x.Last() != M {
		badBuild("recurrent: x %v, w %v: want x (T, N, %d)", x.Shape, c.w.Shape, M)
	}
	T, N := x.Shape[0], x.Shape[1]
	cells := c.kind == C.CELL_LSTM || c.kind == C.CELL_EALSTM
	if (in != nil) != (c.kind == C.CELL_EALSTM) || (from.c != nil) != (from.h != nil && cells) {
		badBuild("recurrent: an input gate belongs to the EA-LSTM, and a first cell to an LSTM's first hidden state")
	}
	for _, t := range []*Tensor{in, from.h, from.c} {
		if t != nil && !slices.Equal(t.Shape, []int{N, H}) {
			badBuild("recurrent: a state of %v: want (%d, %d)", t.Shape, N, H)
		}
	}
	o := &recurrent{cell: c, size: C.recurrence{c.kind, c.act, C.int64_t(T), C.int64_t(N), C.int64_t(H)}}
	ins := []*Tensor{x, c.packed}
	o.b, ins = optional(ins, c.b)
	o.in, ins = optional(ins, in)
	o.h0, ins = optional(ins, from.h)
	o.c0, ins = optional(ins, from.c)
	wantF32("recurrent", ins...)
	planes := map[C.int64_t]int{C.CELL_LSTM: 6, C.CELL_EALSTM: 5, C.CELL_GRU: 5, C.CELL_RNN: 1}[c.kind] // of (T, N, H): h, c and gates
	o.states = x.g.add(o, []int{planes * T, N, H}, ins...)
	of := append([]*Tensor{o.states, c.w}, ins...)
	view := func(from, steps int, grad func(y, dy *Tensor) []*Tensor) *Tensor {
		return x.g.add(view{from * N * H, grad}, []int{steps, N, H}, of...)
	}
	h = view(0, T, func(y, dy *Tensor) []*Tensor { return o.gradients(y, dy, nil) })
	last.h = h.Slice(0, T-1, T).Reshape(N, H)
	if cells {
		last.c = view(2*T-1, 1, func(y, dy *Tensor) []*Tensor { return o.gradients(y, nil, dy) }).Reshape(N, H)
	}
	return h, last
}

// optional appends x, if there is one, and says where it stands: 0 for nowhere.
func optional(list []*Tensor, x *Tensor) (int, []*Tensor) {
	if x == nil {
		return 0, list
	}
	return len(list), append(list, x)
}

// recurrent computes a Cell's states; see k_recurrent. Views of them carry the gradient.
type recurrent struct {
	noGrad
	cell          *Cell
	size          C.recurrence
	b, in, h0, c0 int // which inputs these are, 0: none
	states        *Tensor
}

func (o *recurrent) CPU(p *Pool, y Array, in []Array) {
	C.k_recurrent(p.c, &o.size, y.ptr(), in[0].ptr(), in[1].ptr(), at(in, o.b), at(in, o.in), at(in, o.h0), at(in, o.c0))
}

// at is input i, or none for 0.
func at(in []Array, i int) *C.float {
	if i == 0 {
		return nil
	}
	return in[i].ptr()
}

// gradients are those of a view's inputs [states, w, x, packed, b, in, h0, c0] from dh (T, N, H) or from dc (1, N, H), the
// other being nil. The gates' gradients times the states before them are those of the weights.
func (o *recurrent) gradients(y, dh, dc *Tensor) []*Tensor {
	T, N, H := int(o.size.T), int(o.size.N), int(o.size.H)
	w, ins := y.in[1], y.in[2:]
	M, gru := w.Shape[0], o.size.cell == C.CELL_GRU
	b := &recurrentGrad{size: o.size}
	list := []*Tensor{o.states, w.pack(false)}
	put := func(x *Tensor) (i int) {
		i, list = optional(list, x)
		return i
	}
	input := func(i int) *Tensor {
		if i == 0 {
			return nil
		}
		return ins[i]
	}
	b.in, b.h0, b.c0, b.dh, b.dc = put(input(o.in)), put(input(o.h0)), put(input(o.c0)), put(dh), put(dc)
	gates := T * M / H
	rec, planes := 0, gates+1 // dx, dh0
	switch o.size.cell {
	case C.CELL_LSTM:
		planes++ // dc0
	case C.CELL_EALSTM:
		planes += 2 // dc0, din
	case C.CELL_GRU:
		rec, planes = gates, planes+gates
	}
	d := y.g.add(b, []int{planes, N, H}, list...)
	plane := func(i int) *Tensor { return d.Slice(0, i, i+1).Reshape(N, H) }
	after := rec + gates                                 // dh0
	dr := d.Slice(0, rec, after).Reshape(T, N*M)         // of the gates, as far as the hidden state moves them
	hidden := y.g.add(view{}, []int{T, N * H}, o.states) // (T, N·H)
	steps := func(x *Tensor, from, to, n int) *Tensor {  // rows of these steps
		return x.Slice(0, from, to).Reshape((to-from)*N, n)
	}
	var dw *Tensor
	if T > 1 {
		dw = steps(dr, 1, T, M).TMatMul(steps(hidden, 0, T-1, H))
	}
	if o.h0 != 0 {
		if first := steps(dr, 0, 1, M).TMatMul(ins[o.h0]); dw == nil {
			dw = first
		} else {
			dw = dw.Add(first)
		}
	}
	if dw == nil {
		dw = y.g.Const(0, w.Shape...)
	}
	out := make([]*Tensor, len(ins))
	out[0] = d.Slice(0, 0, gates).Reshape(T, N, M)
	if gru {
		out[o.b] = dr.Reshape(T*N, M).Sum(0).Squeeze(0)
	}
	if o.in != 0 {
		out[o.in] = plane(after + 2)
	}
	if o.h0 != 0 {
		out[o.h0] = plane(after)
	}
	if o.c0 != 0 {
		out[o.c0] = plane(after + 1)
	}
	return append([]*Tensor{nil, dw}, out...)
}

type recurrentGrad struct {
	noGrad
	size               C.recurrence
	in, h0, c0, dh, dc int // which inputs these are, 0: none
}

func (o *recurrentGrad) CPU(p *Pool, d Array, in []Array) {
	C.k_recurrent_grad(p.c, &o.size, d.ptr(), in[0].ptr(), in[1].ptr(), at(in, o.in), at(in, o.h0), at(in, o.c0), at(in, o.dh), at(in, o.dc))
}

// pack is w, transposed if asked, in k_pack's layout; it is never differentiated, the recurrence is.
func (w *Tensor) pack(transposed bool) *Tensor {
	k, m := w.Shape[0], w.Shape[1]
	if transposed {
		k, m = m, k
	}
	return w.g.add(pack{k, m, transposed}, []int{(m + C.PANEL - 1) / C.PANEL, k, C.PANEL}, w)
}

type pack struct {
	k, m       int
	transposed bool
}

func (pack) Grad(_, _ *Tensor) []*Tensor { return []*Tensor{nil} }

func (o pack) CPU(p *Pool, y Array, in []Array) {
	C.k_pack(p.c, y.ptr(), in[0].ptr(), C.int64_t(o.k), C.int64_t(o.m), flag(o.transposed))
}
