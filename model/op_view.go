package model

import "slices"

// Reshape views x in another shape of the same length; nothing moves.
func (x *Tensor) Reshape(shape ...int) *Tensor {
	if length(shape) != x.Len() {
		badBuild("reshape: %v has %d elements, %v has %d", x.Shape, x.Len(), shape, length(shape))
	}
	if slices.Equal(shape, x.Shape) {
		return x
	}
	return x.g.add(view{}, shape, x)
}

// Squeeze drops these axes, which have size 1; nothing moves.
func (x *Tensor) Squeeze(axes ...int) *Tensor {
	shape := slices.Clone(x.Shape)
	for i, a := range slices.Backward(x.axes(axes)) {
		if x.Shape[a] != 1 {
			badBuild("squeeze: axis %d of %v is not 1", axes[i], x.Shape)
		}
		shape = slices.Delete(shape, a, a+1)
	}
	return x.Reshape(shape...)
}

// Unsqueeze puts an axis of size 1 before axis at (len(x.Shape): behind the last); nothing moves.
func (x *Tensor) Unsqueeze(at int) *Tensor {
	if at < 0 || at > len(x.Shape) {
		badBuild("unsqueeze: axis %d of %v", at, x.Shape)
	}
	return x.Reshape(slices.Insert(slices.Clone(x.Shape), at, 1)...)
}

// Still is x for whoever trains what it depends on: its gradient is 0, exactly.
func (x *Tensor) Still() *Tensor {
	return x.g.add(view{grad: func(y, _ *Tensor) []*Tensor { return []*Tensor{y.g.Const(0, y.Shape...)} }}, x.Shape, x)
}

// A view is a tensor within another's memory, that of its first input, dense, off elements from its start. It is never
// run. grad replaces its gradient where its first input has none of its own; the other inputs are those that grad is of.
type view struct {
	off  int
	grad func(y, dy *Tensor) []*Tensor
}

func (o view) Grad(y, dy *Tensor) []*Tensor {
	if o.grad != nil {
		return o.grad(y, dy)
	}
	x := y.in[0]
	if y.Len() == x.Len() {
		return []*Tensor{dy.Reshape(x.Shape...)}
	}
	flat := dy.Reshape(dy.Len()).index(0, segment{off: -1, n: o.off}, segment{n: y.Len(), step: 1}, segment{off: -1, n: x.Len() - o.off - y.Len()})
	return []*Tensor{flat.Reshape(x.Shape...)}
}

func (view) CPU(*Pool, Array, []Array) { panic("model: a view is never run") }
