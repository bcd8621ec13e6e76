package model

// Linear is x·wᵀ + b along the last axis: x (…, n), w (m, n), b (m) → (…, m),
// with w as PyTorch's nn.Linear keeps it.
func (x *Tensor) Linear(w, b *Tensor) *Tensor {
	if len(w.Shape) != 2 || w.Shape[1] != x.Last() || len(b.Shape) != 1 || b.Shape[0] != w.Shape[0] {
		badBuild("linear: x %v, w %v, b %v: want w (m, %d) and b (m)", x.Shape, w.Shape, b.Shape, x.Last())
	}
	y := x.g.add(linear{}, []int{x.rows(), w.Shape[0]}, x.Reshape(x.rows(), x.Last()), w, b)
	return y.Reshape(withLast(x.Shape, w.Shape[0])...)
}

type linear struct{}

func (linear) Grad(y, dy *Tensor) []*Tensor {
	x, w := y.in[0], y.in[1]
	return []*Tensor{dy.MatMul(w), matMul{ta: true}.of(dy, x), dy.SumRows()}
}

func (linear) CPU(y Array, in []Array) {
	b := in[2].F
	for i := 0; i < len(y.F); i += len(b) {
		copy(y.F[i:], b)
	}
	gemm(false, true, in[0], in[1], 1, y)
}
