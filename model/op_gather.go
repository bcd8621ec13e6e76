package model

// Gather cuts windows out of a series: y_i = series[at_i+shift : at_i+shift+n],
// of shape (…, n) for offsets of shape (…). Windows are never materialised
// beyond the batch at hand.
func (series *Tensor) Gather(at *Tensor, shift, n int) *Tensor {
	return series.GatherRows(at, 0, at.Last(), shift, n)
}

// GatherRows is [Tensor.Gather] for the offsets from ≤ r < to of at's last axis: (…, to−from, n) for offsets (…, R).
func (series *Tensor) GatherRows(at *Tensor, from, to, shift, n int) *Tensor {
	if at.Type != I64 || len(series.Shape) != 1 || series.Type != F32 {
		badBuild("gather: series %v %s, offsets %v %s: want one axis of f32 and i64 offsets",
			series.Shape, series.Type, at.Shape, at.Type)
	}
	if from < 0 || to <= from || to > at.Last() {
		badBuild("gather: rows %d to %d of offsets %v: there are %d", from, to, at.Shape, at.Last())
	}
	shape := append([]int{}, at.Shape...)
	shape[len(shape)-1] = to - from
	return series.g.add(gather{shift, from}, append(shape, n), series, at)
}

type gather struct{ shift, from int }

// Grad: series and offsets are data.
func (gather) Grad(_, _ *Tensor) []*Tensor { return []*Tensor{nil, nil} }

func (o gather) CPU(_ *Pool, y Array, in []Array) {
	n, rows := int(y.cols()), y.Shape[len(y.Shape)-2]
	all := int(in[1].cols())
	for i := range len(y.F) / n {
		lo := int(in[1].I[i/rows*all+o.from+i%rows]) + o.shift
		copy(y.F[i*n:][:n], in[0].F[lo:lo+n])
	}
}
