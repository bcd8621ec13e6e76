package model

// Reshape views x in another shape of the same length; nothing moves.
func (x *Tensor) Reshape(shape ...int) *Tensor {
	if length(shape) != x.Len() {
		badBuild("reshape: %v has %d elements, %v has %d", x.Shape, x.Len(), shape, length(shape))
	}
	return x.g.add(reshape{}, shape, x)
}

type reshape struct{}

func (reshape) Grad(y, dy *Tensor) []*Tensor { return []*Tensor{dy.Reshape(y.in[0].Shape...)} }

func (reshape) CPU(Array, []Array) { panic("model: a view is never run") }
