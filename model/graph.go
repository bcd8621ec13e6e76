// Package model builds, differentiates, plans, runs and trains forecasting networks.
//
// A net is a Go function that records a static [Graph] of [Tensor]s; gradients
// are appended to the same graph in the same vocabulary of [Op]s; [Plan] packs
// the lifetimes of all values into one arena; a [Device] compiles the Program
// once and replays it every step. Nothing allocates in the step loop.
package model

import "slices"

// An Op is one primitive of the graph: a small struct whose fields are its attributes.
type Op interface {
	// Grad appends to the graph the gradient of the loss with respect to each
	// input of y, given dy, its gradient with respect to y. A nil entry means
	// that no gradient flows into that input.
	Grad(y, dy *Tensor) []*Tensor
	// CPU computes y from in on the threads of p. It must not allocate.
	CPU(p *Pool, y Array, in []Array)
}

// Type is the element type of a Tensor.
type Type uint8

const (
	F32 Type = iota
	I64      // window offsets
)

func (t Type) String() string { return [...]string{"f32", "i64"}[t] }

// words is the size of n elements in 4-byte words, the unit of arenas and regions.
func (t Type) words(n int) int {
	if t == I64 {
		return 2 * n
	}
	return n
}

// A Tensor is a symbolic value: it has a shape now, and data only while a Runner runs it.
type Tensor struct {
	Shape []int
	Type  Type

	op Op // nil for a leaf
	in []*Tensor
	g  *Graph
	id int

	region *Region // fixed place, or nil: the planner finds one in the arena
	off    int
	values []float32 // of a literal, which stands where they are
}

// A Region names memory that outlives one Program: a slab of parameters, of
// gradients, of moments, or the series. Several graphs may refer to one Region;
// a Device binds it to memory when it compiles them.
type Region struct {
	Name string
	N    int // words of 4 bytes; may grow until the Region is first bound
}

// Graph records tensors in the order they were made, which is a valid run order.
type Graph struct{ nodes []*Tensor }

// Len is the number of elements of t.
func (t *Tensor) Len() int { return length(t.Shape) }

func length(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Last is the size of t's last axis.
func (t *Tensor) Last() int { return t.Shape[len(t.Shape)-1] }

// rows is the number of runs of t along its last axis.
func (t *Tensor) rows() int { return t.Len() / t.Last() }

// Input adds a leaf whose data the caller writes before each run.
func (g *Graph) Input(typ Type, shape ...int) *Tensor {
	return g.push(&Tensor{Shape: shape, Type: typ})
}

// Literal adds a leaf of these values, row-major, which never change: a basis, a table of weights.
func (g *Graph) Literal(values []float32, shape ...int) *Tensor {
	if length(shape) != len(values) {
		badBuild("literal: %d values, want those of %v", len(values), shape)
	}
	return g.push(&Tensor{Shape: shape, values: values})
}

// At adds a leaf that stands in a Region, off words from its start.
func (g *Graph) At(r *Region, off int, shape ...int) *Tensor {
	if off+length(shape) > r.N {
		badBuild("at: region %q has %d words, %v at %d does not fit", r.Name, r.N, shape, off)
	}
	return g.push(&Tensor{Shape: shape, region: r, off: off})
}

// Store makes y's result land in a Region, off words from its start, and
// returns the tensor that does so: y itself, or a copy where y has a place already.
func (g *Graph) Store(y *Tensor, r *Region, off int) *Tensor {
	if off+y.Type.words(y.Len()) > r.N {
		badBuild("store: region %q has %d words, %v at %d does not fit", r.Name, r.N, y.Shape, off)
	}
	if _, isView := y.op.(view); y.op == nil || isView || y.region != nil {
		y = g.add(copyOp{}, y.Shape, y)
	}
	y.region, y.off = r, off
	return y
}

func (g *Graph) add(op Op, shape []int, in ...*Tensor) *Tensor {
	for _, x := range in {
		if x.g != g {
			badBuild("%T: an input belongs to another graph", op)
		}
	}
	return g.push(&Tensor{Shape: slices.Clone(shape), op: op, in: in})
}

// ints is add for an op whose result is of indices.
func (g *Graph) ints(op Op, shape []int, in ...*Tensor) *Tensor {
	y := g.add(op, shape, in...)
	y.Type = I64
	return y
}

func (g *Graph) push(t *Tensor) *Tensor {
	for _, d := range t.Shape {
		if d <= 0 {
			badBuild("shape %v has an empty axis", t.Shape)
		}
	}
	t.g, t.id = g, len(g.nodes)
	g.nodes = append(g.nodes, t)
	return t
}

// root is the tensor whose storage t shares, and where t starts in it, in
// elements; t itself unless t is a view.
func (t *Tensor) root() (r *Tensor, off int) {
	for {
		v, isView := t.op.(view)
		if !isView {
			return t, off
		}
		t, off = t.in[0], off+v.off
	}
}
