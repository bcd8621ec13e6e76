package model

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
)

// Params are the parameters of one net, named by path, in one slab.
type Params struct {
	Region *Region
	List   []*Param // in the order they were made
}

// Param is one named parameter.
type Param struct {
	Name  string // "linear.weight"
	Shape []int
	Off   int  // words from the start of the slab
	Init  Init // value before training
}

// An Init gives element i of a parameter from u, a uniform number in [0, 1).
type Init func(i int, u float64) float64

// Uniform draws from [−a, a).
func Uniform(a float64) Init { return func(_ int, u float64) float64 { return a * (2*u - 1) } }

// NewParams is an empty set, to be filled by the first graph that a net builds.
func NewParams(name string) *Params { return &Params{Region: &Region{Name: name}} }

// Scope names parameters by path: s.In("enc").Param("w", …) is "enc.w". The
// same Params may serve several graphs, which then share the values.
type Scope struct {
	g      *Graph
	path   string
	params *Params
	leaves map[string]*Tensor
	drop   *dropping // nil where nothing is dropped: the graph does not train
}

// dropping is where the dropouts of a training graph draw from.
type dropping struct {
	state   *Tensor // see [Tensor.Dropout]
	windows int
	count   int // of the net's dropouts so far
}

// NewScope is the root of the names of one graph.
func NewScope(g *Graph, p *Params) *Scope { return &Scope{g, "", p, map[string]*Tensor{}, nil} }

// In is the scope of a part of the net.
func (s *Scope) In(name string) *Scope {
	in := *s
	in.path += name + "."
	return &in
}

// Dropout drops elements of x where the graph trains (see [Tensor.Dropout]),
// and is x where it does not. The batch's windows run along axis, which may
// hold several rows of each window, side by side.
func (s *Scope) Dropout(x *Tensor, axis int, rate float64) *Tensor {
	if s.drop == nil || rate == 0 {
		return x
	}
	s.drop.count++
	return x.Dropout(float32(rate), s.drop.state, s.drop.count, axis, s.drop.windows)
}

// Param is the parameter of that name; asked for twice, it is shared.
func (s *Scope) Param(name string, init Init, shape ...int) *Tensor {
	key := s.path + name
	if t := s.leaves[key]; t != nil {
		if !slices.Equal(t.Shape, shape) {
			badBuild("parameter %q has shape %v, asked for with %v", key, t.Shape, shape)
		}
		return t
	}
	p := s.params.find(key)
	if p == nil {
		r := s.params.Region
		p = &Param{key, slices.Clone(shape), r.N, init}
		r.N += (length(shape) + align - 1) / align * align
		s.params.List = append(s.params.List, p)
	}
	t := s.g.At(s.params.Region, p.Off, p.Shape...)
	s.leaves[key] = t
	return t
}

// Leaves are the graph's leaves of all parameters, in the order of List.
func (s *Scope) Leaves() []*Tensor {
	ts := make([]*Tensor, len(s.params.List))
	for i, p := range s.params.List {
		ts[i] = s.leaves[p.Name]
	}
	return ts
}

func (p *Params) find(name string) *Param {
	for _, q := range p.List {
		if q.Name == name {
			return q
		}
	}
	return nil
}

// Len is the number of scalars in parameter q.
func (q *Param) Len() int { return length(q.Shape) }

// Of is parameter q's part of a slab laid out like Region.
func (q *Param) Of(slab []float32) []float32 { return slab[q.Off:][:q.Len()] }

// Initial fills a slab with the parameters' initial values. A value depends on
// seed, parameter name and position only, so that every rank draws the same.
func (p *Params) Initial(seed uint64) []float32 {
	slab := make([]float32, p.Region.N)
	for _, q := range p.List {
		h := fnv.New64a()
		h.Write([]byte(q.Name))
		rnd := rand.New(rand.NewPCG(seed, h.Sum64()))
		for i := range q.Of(slab) {
			slab[q.Off+i] = float32(q.Init(i, rnd.Float64()))
		}
	}
	return slab
}

// RMS is the root mean square of parameter q in slab.
func (q *Param) RMS(slab []float32) float64 {
	var s float64
	for _, v := range q.Of(slab) {
		s += float64(v) * float64(v)
	}
	return math.Sqrt(s / float64(q.Len()))
}
