package model

// MatMul is x·y for x of shape (m, k) and y of shape (k, n).
func (x *Tensor) MatMul(y *Tensor) *Tensor { return matMul{}.of(x, y) }

// matMul is op(a)·op(b), where op transposes if the flag is set.
type matMul struct{ ta, tb bool }

func (o matMul) of(a, b *Tensor) *Tensor {
	if len(a.Shape) != 2 || len(b.Shape) != 2 {
		badBuild("matmul: %v and %v: both must have two axes", a.Shape, b.Shape)
	}
	m, k := flip(o.ta, a.Shape)
	l, n := flip(o.tb, b.Shape)
	if k != l {
		badBuild("matmul: inner sizes differ: (%d, %d)·(%d, %d)", m, k, l, n)
	}
	return a.g.add(o, []int{m, n}, a, b)
}

func flip(t bool, s []int) (int, int) {
	if t {
		return s[1], s[0]
	}
	return s[0], s[1]
}

func (o matMul) Grad(y, dy *Tensor) []*Tensor {
	a, b := y.in[0], y.in[1]
	da, db := matMul{false, !o.tb}.of(dy, b), matMul{!o.ta, false}.of(a, dy)
	if o.ta {
		da = matMul{o.tb, true}.of(b, dy)
	}
	if o.tb {
		db = matMul{true, o.ta}.of(dy, a)
	}
	return []*Tensor{da, db}
}

func (o matMul) CPU(y Array, in []Array) { gemm(o.ta, o.tb, in[0], in[1], 0, y) }
