package model

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Params are the parameters of one net, named by path, in one slab, and in a second
// one its buffers: values that training averages and no gradient changes, such as the
// running statistics of [BatchNorm]. Wherever both are kept they are one slab of
// Words words, buffers behind parameters.
type Params struct {
	Region  *Region
	List    []*Param // in the order they were made
	Buffers *Region
	Running []*Param // of Buffers, in the order they were made
}

// Param is one named parameter.
type Param struct {
	Name  string // "linear.weight"
	Shape []int
	Off   int  // words from the start of its Region
	Init  Init // value before training
}

// An Init gives element i of a parameter from u, a uniform number in [0, 1).
type Init func(i int, u float64) float64

// Uniform draws from [−a, a).
func Uniform(a float64) Init { return func(_ int, u float64) float64 { return a * (2*u - 1) } }

// Normal draws from the normal distribution of mean 0 and that standard deviation.
func Normal(deviation float64) Init {
	return func(_ int, u float64) float64 { return deviation * math.Sqrt2 * math.Erfinv(2*max(u, 0x1p-54)-1) }
}

// NewParams is an empty set, to be filled by the first graph that a net builds.
func NewParams(name string) *Params {
	return &Params{Region: &Region{Name: name}, Buffers: &Region{Name: "buffers of " + name}}
}

// Words is the length of a slab of parameters and buffers.
func (p *Params) Words() int { return p.Region.N + p.Buffers.N }

// each calls f with every array of a slab: of parameters alone, or of parameters and buffers.
func (p *Params) each(slab []float32, f func(q *Param, values []float32)) {
	for _, q := range p.List {
		f(q, q.Of(slab))
	}
	if len(slab) > p.Region.N {
		for _, q := range p.Running {
			f(q, q.Of(slab[p.Region.N:]))
		}
	}
}

// Scope names parameters by path: s.In("enc").Param("w", …) is "enc.w". The
// same Params may serve several graphs, which then share the values.
type Scope struct {
	g      *Graph
	path   string
	params *Params
	leaves map[string]*Tensor
	train  *training // nil where the graph does not train
}

// training is what dropouts and batch norms of a training graph need.
type training struct {
	windows int     // B
	state   *Tensor // see [Tensor.Dropout]
	dropped int     // dropouts and draws so far
	weight  *Tensor // (B): 1, and 0 for a window that fills up the batch
	ranks   *ranks
	batch   map[*Param]statistic // of each buffer
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
	if s.train == nil || rate == 0 {
		return x
	}
	s.train.dropped++
	return x.Dropout(float32(rate), s.train.state, s.train.dropped, axis, s.train.windows)
}

// Attention is [Tensor.Attention] whose weights are dropped where the graph trains (Vaswani et al. 2017, as PyTorch's
// scaled_dot_product_attention); the windows run along axis 0, as in Dropout.
func (s *Scope) Attention(q, k, v, bias *Tensor, scale float32, causal bool, rate float64) *Tensor {
	if s.train == nil || rate == 0 {
		return q.Attention(k, v, bias, scale, causal)
	}
	s.train.dropped++
	return q.attend(k, v, bias, scale, causal, drop{float32(rate), s.train.state, s.train.dropped, s.train.windows})
}

// Draw is whole numbers of 0 ≤ n < of, in that shape: where the graph trains others in every step, the same for all windows
// and on all ranks; else always the same, which depend on the scope's path.
func (s *Scope) Draw(of int, shape ...int) *Tensor {
	if s.train == nil {
		h := fnv.New32a()
		h.Write([]byte(s.path))
		return s.g.drawBelow(of, nil, int(h.Sum32()), shape)
	}
	s.train.dropped++
	return s.g.drawBelow(of, s.train.state, s.train.dropped, shape)
}

// Param is the parameter of that name; asked for twice, it is shared.
func (s *Scope) Param(name string, init Init, shape ...int) *Tensor {
	return s.leaf(s.params.Region, &s.params.List, name, init, shape)
}

// Buffer is the buffer of that name, which starts at value.
func (s *Scope) Buffer(name string, value float64, shape ...int) *Tensor {
	return s.leaf(s.params.Buffers, &s.params.Running, name, func(int, float64) float64 { return value }, shape)
}

func (s *Scope) leaf(r *Region, list *[]*Param, name string, init Init, shape []int) *Tensor {
	key := s.path + name
	if t := s.leaves[key]; t != nil {
		if !slices.Equal(t.Shape, shape) {
			badBuild("parameter %q has shape %v, asked for with %v", key, t.Shape, shape)
		}
		return t
	}
	p := named(*list, key)
	if p == nil {
		p = &Param{key, slices.Clone(shape), r.N, init}
		r.N += (length(shape) + align - 1) / align * align
		*list = append(*list, p)
	}
	t := s.g.At(r, p.Off, p.Shape...)
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

func (p *Params) find(name string) *Param { return named(p.List, name) }

func named(list []*Param, name string) *Param {
	for _, q := range list {
		if q.Name == name {
			return q
		}
	}
	return nil
}

// Len is the number of scalars in parameter q.
func (q *Param) Len() int { return length(q.Shape) }

// Of is q's part of a slab laid out like its Region.
func (q *Param) Of(slab []float32) []float32 { return slab[q.Off:][:q.Len()] }

// Initial fills a slab of parameters and buffers with their initial values. A value depends on
// seed, parameter name and position only, so that every rank draws the same.
func (p *Params) Initial(seed uint64) []float32 {
	slab := make([]float32, p.Words())
	var all sync.WaitGroup
	p.each(slab, func(q *Param, values []float32) {
		all.Go(func() {
			h := fnv.New64a()
			h.Write([]byte(q.Name))
			rnd := rand.New(rand.NewPCG(seed, h.Sum64()))
			for i := range values {
				values[i] = float32(q.Init(i, rnd.Float64()))
			}
		})
	})
	all.Wait()
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
