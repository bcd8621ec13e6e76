package model

import "deeprc/collective"

// ranks is the group of ranks that run a training graph together; without one, a rank alone. All of them run
// the same steps in the same order, whatever is in their parts of the batch.
type ranks struct{ c collective.Comm }

// sum is the sum of x, which should be small, over the ranks, the same on all of them. A communicator's failure
// ends the run of the graph with its error.
func (r *ranks) sum(x *Tensor) *Tensor {
	wantF32("rank sum", x)
	return x.g.add(rankSum{r}, x.Shape, x)
}

type rankSum struct{ r *ranks }

// Grad: x is in the sums of all ranks, whose losses add up.
func (o rankSum) Grad(_, dy *Tensor) []*Tensor { return []*Tensor{o.r.sum(dy)} }

func (o rankSum) CPU(_ *Pool, y Array, in []Array) {
	copy(y.F, in[0].F)
	if o.r.c == nil || o.r.c.Size() == 1 {
		return
	}
	if err := o.r.c.AllReduce(collective.Of(y.F), collective.Sum); err != nil {
		panic(err)
	}
}
