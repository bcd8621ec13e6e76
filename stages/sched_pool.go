package stages

import (
	"cmp"
	"fmt"
	"iter"
	"math/bits"
	"slices"
)

// A Slot is a rank as the scheduler sees it.
type Slot struct {
	Node   int   // which host it is on
	GPUs   int   // that it has
	Memory int64 // bytes, its part of the host's
	Off    bool  // it runs no tasks
}

// rankSet is a set of ranks, a bit each.
type rankSet []uint64

func (s rankSet) has(r int) bool { return s[r>>6]>>(r&63)&1 != 0 }
func (s rankSet) add(r int)      { s[r>>6] |= 1 << (r & 63) }
func (s rankSet) remove(r int)   { s[r>>6] &^= 1 << (r & 63) }

// pool is the ranks that are free, by class of what they have.
type pool struct {
	slots   []Slot
	classes []*class // the poorest first, so that what few ranks have is left for who needs it
	of      []*class // of each rank
	nodes   int
	free    int
	alive   int // ranks that run tasks
	perNode []int
}

// class is the ranks of equal GPUs and memory.
type class struct {
	Slot
	free  rankSet
	alive int
}

// newPool makes a pool with all ranks free.
func newPool(slots []Slot) *pool {
	p := &pool{slots: slots, of: make([]*class, len(slots))}
	type kind struct {
		gpus   int
		memory int64
	}
	by := map[kind]*class{}
	for r, s := range slots {
		p.nodes = max(p.nodes, s.Node+1)
		if s.Off {
			continue
		}
		c := by[kind{s.GPUs, s.Memory}]
		if c == nil {
			c = &class{Slot: s, free: make(rankSet, (len(slots)+63)/64)}
			by[kind{s.GPUs, s.Memory}] = c
			p.classes = append(p.classes, c)
		}
		p.of[r] = c
		c.free.add(r)
		c.alive++
		p.free++
		p.alive++
	}
	slices.SortFunc(p.classes, func(a, b *class) int {
		return cmp.Or(cmp.Compare(a.GPUs, b.GPUs), cmp.Compare(a.Memory, b.Memory))
	})
	p.perNode = make([]int, p.nodes)
	return p
}

func (p *pool) take(ranks []int) {
	for _, r := range ranks {
		if p.of[r] == nil || !p.of[r].free.has(r) {
			panic(fmt.Sprintf("stages: rank %d is not free", r))
		}
		p.of[r].free.remove(r)
	}
	p.free -= len(ranks)
}

func (p *pool) give(r int) {
	if p.of[r].free.has(r) {
		panic(fmt.Sprintf("stages: rank %d is free already", r))
	}
	p.of[r].free.add(r)
	p.free++
}

// lose takes a rank that is not free out for good.
func (p *pool) lose(r int) {
	p.of[r].alive--
	p.of[r] = nil
	p.alive--
}

// suits reports whether the ranks of a class have what each rank of q must have.
func (q Request) suits(c *class) bool { return c.GPUs >= q.GPUs && c.Memory >= q.Memory }

// bounds are the fewest and the most ranks that q takes of n.
func (q Request) bounds(n int) (least, most int) {
	if q.Ranks == (Ranks{}) {
		least, most = n, n
	} else {
		least, most = q.Ranks.Min, q.Ranks.Max
	}
	if q.PerNode > 0 {
		least, most = (least+q.PerNode-1)/q.PerNode*q.PerNode, most/q.PerNode*q.PerNode
	}
	return least, most
}

// eachFree are the free ranks that have what each rank of q must have, the poorest class first: those in only, which nil does not limit,
// and in none of but, which may be nil, too.
func (p *pool) eachFree(q Request, only rankSet, but ...rankSet) iter.Seq[int] {
	return func(yield func(r int) bool) {
		for _, c := range p.classes {
			if !q.suits(c) {
				continue
			}
			for i, w := range c.free {
				if only != nil {
					w &= only[i]
				}
				for _, set := range but {
					if set != nil {
						w &^= set[i]
					}
				}
				for ; w != 0; w &= w - 1 {
					if !yield(i<<6 + bits.TrailingZeros64(w)) {
						return
					}
				}
			}
		}
	}
}

// pick chooses free ranks for q, in order, none of those in but; nil where there are too few. Ranks in prefer come first. The sets may be nil.
func (p *pool) pick(q Request, but, prefer rankSet) []int {
	least, most := q.bounds(p.alive)
	if least > p.free || least < 1 {
		return nil
	}
	if q.PerNode > 0 {
		return p.pickNodes(q, but, prefer, least, most)
	}
	var out []int
	take := func(ranks iter.Seq[int]) {
		for r := range ranks {
			if len(out) == most {
				return
			}
			out = append(out, r)
		}
	}
	if prefer != nil {
		take(p.eachFree(q, prefer, but))
	}
	take(p.eachFree(q, nil, but, prefer))
	if len(out) < least {
		return nil
	}
	slices.Sort(out)
	return out
}

// pickNodes is pick for requests of a number of ranks on each node: on those with most preferred ranks first, then in order.
func (p *pool) pickNodes(q Request, but, prefer rankSet, least, most int) []int {
	clear(p.perNode)
	liked := map[int]int{}
	var nodes []int
	for r := range p.eachFree(q, nil, but) {
		n := p.slots[r].Node
		if p.perNode[n]++; p.perNode[n] == q.PerNode {
			nodes = append(nodes, n)
		}
		if prefer != nil && prefer.has(r) {
			liked[n]++
		}
	}
	if len(nodes)*q.PerNode < least {
		return nil
	}
	slices.SortFunc(nodes, func(a, b int) int { return cmp.Or(cmp.Compare(liked[b], liked[a]), cmp.Compare(a, b)) })
	clear(p.perNode)
	for _, n := range nodes[:min(len(nodes), most/q.PerNode)] {
		p.perNode[n] = q.PerNode
	}
	var out []int
	for _, first := range []bool{true, false} {
		for r := range p.eachFree(q, nil, but) {
			if n := p.slots[r].Node; p.perNode[n] > 0 && first == (prefer != nil && prefer.has(r)) {
				p.perNode[n]--
				out = append(out, r)
			}
		}
	}
	slices.Sort(out)
	return out
}

// never says why q can never start, whatever is free; nil if it can.
func (p *pool) never(q Request) error {
	least, _ := q.bounds(p.alive)
	suitable, nodes := 0, 0
	var best Slot // the most that any rank has of each
	clear(p.perNode)
	for r, c := range p.of {
		if c == nil {
			continue
		}
		best.GPUs, best.Memory = max(best.GPUs, c.GPUs), max(best.Memory, c.Memory)
		if !q.suits(c) {
			continue
		}
		suitable++
		if n := p.slots[r].Node; q.PerNode > 0 {
			if p.perNode[n]++; p.perNode[n] == q.PerNode {
				nodes++
			}
		}
	}
	want, most := fmt.Sprintf("ranks = %v", q.Ranks), ""
	if q.PerNode > 0 {
		want += fmt.Sprintf(" and ranks_per_node = %d", q.PerNode)
	}
	if q.GPUs > 0 {
		want += fmt.Sprintf(" with gpus = %d", q.GPUs)
		if q.GPUs > best.GPUs {
			most += fmt.Sprintf("; the most that one has is gpus = %d", best.GPUs)
		}
	}
	if q.Memory > 0 {
		want += fmt.Sprintf(" with memory = %s", binaryText(q.Memory))
		if q.Memory > best.Memory {
			most += fmt.Sprintf("; the most that one has is memory = %s", binaryText(best.Memory))
		}
	}
	switch {
	case p.alive == 0:
		return fmt.Errorf("there is no rank that runs tasks")
	case least > p.alive:
		return fmt.Errorf("%s, but there are %d ranks that run tasks", want, p.alive)
	case suitable < least:
		return fmt.Errorf("%s, but of %d ranks that run tasks %d have that%s", want, p.alive, suitable, most)
	case q.PerNode > 0 && nodes*q.PerNode < least:
		return fmt.Errorf("%s, but %d nodes have as many such ranks", want, nodes)
	}
	return nil
}
