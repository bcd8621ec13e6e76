package model

// InstanceNorm is x̂·w + b with x̂ = (x − mean)/√(variance + eps) along the last axis of x (…, C, L), for w and b (C): what
// torch.nn.InstanceNorm1d computes (Ulyanov et al. 2016, eq. 4). It is a batch norm that has each row for a channel;
// without w and b it is [Tensor.Standardise].
func (x *Tensor) InstanceNorm(w, b *Tensor, eps float32) *Tensor {
	n := len(x.Shape) - 2
	if n < 0 || len(w.Shape) != 1 || w.Len() != x.Shape[n] || len(b.Shape) != 1 || b.Len() != w.Len() {
		badBuild("instance norm: x %v, w %v, b %v: want x (…, C, L), w and b (C)", x.Shape, w.Shape, b.Shape)
	}
	rows := x.rows()
	each := func(v *Tensor) *Tensor { return v.Expand(rows/v.Len(), v.Len()).Reshape(rows) }
	y, _, _ := x.Reshape(1, rows, x.Last()).batchNormTrain(1, x.g.Const(1, 1), each(w), each(b), eps, &ranks{})
	return y.Reshape(x.Shape...)
}
