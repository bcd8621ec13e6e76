package model

// Of torch.nn.BatchNorm1d: what is added to a variance, and the share of a batch in the running statistics.
const (
	batchNormEps      = 1e-5
	batchNormMomentum = .1
)

// BatchNorm normalises the channels of x along axis channel as torch.nn.BatchNorm1d does: where the graph trains by the
// mean and variance of the global batch over all other axes, and else by the running ones. Its parameters are weight and
// bias (C), its buffers running_mean and running_var (C). The windows run along the first axis, which may hold several
// rows of each, side by side.
//
// A bias that is added right before has no gradient but rounding, which Adam makes into steps of the learning rate. Losses
// do not see them, but running means follow late: validations then differ from one number of ranks to another. Leave it out.
func BatchNorm(s *Scope, x *Tensor, channel int) *Tensor {
	return batchNormOf(s, x, channel, batchNormEps, batchNormMomentum)
}

// batchNormOf is BatchNorm with what is added to a variance, and with the share of a batch in the running statistics.
func batchNormOf(s *Scope, x *Tensor, channel int, eps, momentum float32) *Tensor {
	C := x.Shape[x.axis(channel)]
	one := func(int, float64) float64 { return 1 }
	w, b := s.Param("weight", one, C), s.Param("bias", Uniform(0), C)
	mean, variance := s.Buffer("running_mean", 0, C), s.Buffer("running_var", 1, C)
	if s.train == nil {
		return x.BatchNorm(channel, mean, variance, w, b, eps)
	}
	y, m, v := x.batchNormTrain(channel, s.train.weight, w, b, eps, s.train.ranks)
	s.measured("running_mean", m, momentum)
	s.measured("running_var", v, momentum)
	return y
}

// A statistic of the batch has a share of momentum in the running one.
type statistic struct {
	batch    *Tensor
	momentum float32
}

// measured is what the buffer of that name averages over the batches.
func (s *Scope) measured(name string, batch *Tensor, momentum float32) {
	q := named(s.params.Running, s.path+name)
	if s.train.batch[q].batch != nil {
		badBuild("batch norm: %q is used twice", q.Name)
	}
	s.train.batch[q] = statistic{batch, momentum}
}

// momenta are those of a slab of buffers (n).
func (t *training) momenta(g *Graph, buffers *Params) *Tensor {
	slab := make([]float32, buffers.Buffers.N)
	for q, s := range t.batch {
		for i := range q.Of(slab) {
			q.Of(slab)[i] = s.momentum
		}
	}
	return g.Literal(slab, len(slab))
}

// runningAverage moves the slab of buffers towards that of the batch's statistics by their momenta, in place.
func runningAverage(buffers, batch, momenta *Tensor) *Tensor {
	y := buffers.Add(batch.Sub(buffers).Mul(momenta))
	return y.g.Store(y, buffers.region, buffers.off)
}
