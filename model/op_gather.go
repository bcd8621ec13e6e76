package model

// Gather cuts windows out of a series: y_i = series[at_i+shift : at_i+shift+n],
// of shape (…, n) for offsets of shape (…). Windows are never materialised
// beyond the batch at hand.
func (series *Tensor) Gather(at *Tensor, shift, n int) *Tensor {
	if at.Type != I64 || len(series.Shape) != 1 || series.Type != F32 {
		badBuild("gather: series %v %s, offsets %v %s: want one axis of f32 and i64 offsets",
			series.Shape, series.Type, at.Shape, at.Type)
	}
	shape := append(append([]int{}, at.Shape...), n)
	return series.g.add(gather{shift}, shape, series, at)
}

type gather struct{ shift int }

// Grad: series and offsets are data.
func (gather) Grad(_, _ *Tensor) []*Tensor { return []*Tensor{nil, nil} }

func (o gather) CPU(_ *Pool, y Array, in []Array) {
	n := int(y.cols())
	for i, at := range in[1].I {
		lo := int(at) + o.shift
		copy(y.F[i*n:][:n], in[0].F[lo:lo+n])
	}
}
