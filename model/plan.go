package model

import (
	"fmt"
	"slices"
)

// A Program is what a Graph does for the outputs asked for: the steps that
// lead to them, and a place for every value.
type Program struct {
	Steps  []*Tensor       // in run order; views and leaves are no steps
	Leaves []*Tensor       // inputs and region leaves that the steps read
	Arena  int             // words of 4 bytes
	place  map[*Tensor]int // arena offset of every tensor that stands in the arena, in words
	guard  int
}

// align is the placement unit of the arena in words: one cache line, one AVX-512 vector.
const align = 16

// Plan keeps the steps that the outputs depend on and packs the values into one
// arena so that values alive at the same time never overlap: first fit by start
// of life (as tinygrad's and TFLite's planners do). Inputs and outputs live for
// the whole run. guard words are left free behind each value; tests fill them
// with a pattern and so catch a kernel that writes too far.
func (g *Graph) Plan(guard int, outputs ...*Tensor) *Program {
	p := &Program{place: map[*Tensor]int{}, guard: guard}
	live := make([]bool, len(g.nodes))
	var mark func(t *Tensor)
	mark = func(t *Tensor) {
		if live[t.id] {
			return
		}
		live[t.id] = true
		for _, x := range t.in {
			mark(x)
		}
	}
	for _, t := range outputs {
		mark(t)
	}
	end := len(g.nodes)
	last := make([]int, end) // last reader of each root
	for i, t := range g.nodes {
		if !live[i] {
			continue
		}
		r, _ := t.root()
		last[r.id] = max(last[r.id], i)
		for _, x := range t.in {
			x, _ = x.root()
			last[x.id] = max(last[x.id], i)
		}
		switch {
		case t.op == nil:
			p.Leaves = append(p.Leaves, t)
			last[i] = end
		case t == r:
			p.Steps = append(p.Steps, t)
		}
	}
	for _, t := range outputs {
		r, _ := t.root()
		last[r.id] = end
	}

	type span struct{ lo, hi, dies int }
	var spans []span
	put := func(t *Tensor) {
		if t.region != nil || t.values != nil {
			return
		}
		spans = slices.DeleteFunc(spans, func(s span) bool { return s.dies < t.id })
		slices.SortFunc(spans, func(a, b span) int { return a.lo - b.lo })
		n := (t.Type.words(t.Len()) + guard + align - 1) / align * align
		lo := 0
		for _, s := range spans {
			if s.lo-lo >= n {
				break
			}
			lo = max(lo, s.hi)
		}
		spans = append(spans, span{lo, lo + n, last[t.id]})
		p.place[t], p.Arena = lo, max(p.Arena, lo+n)
	}
	for _, t := range p.Leaves { // alive from the start, before any step
		put(t)
	}
	for _, t := range p.Steps {
		put(t)
	}
	return p
}

// at is where t's storage is: a region (nil for the arena) and an offset in words.
func (p *Program) at(t *Tensor) (*Region, int) {
	r, within := t.root()
	within = r.Type.words(within)
	if r.region != nil {
		return r.region, r.off + within
	}
	off, ok := p.place[r]
	if !ok {
		panic(fmt.Sprintf("model: plan: tensor %d of shape %v is not part of this program", t.id, t.Shape))
	}
	return nil, off + within
}
