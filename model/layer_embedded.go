package model

// mapped is what a linear map takes, as it is or in another form.
type mapped interface {
	width() int
	whole() *Tensor               // (…, width)
	through(w, b *Tensor) *Tensor // whole·wᵀ + b
}

type plain struct{ x *Tensor }

func (p plain) width() int                   { return p.x.Last() }
func (p plain) whole() *Tensor               { return p.x }
func (p plain) through(w, b *Tensor) *Tensor { return p.x.Linear(w, b, Identity) }

// embedded are columns x (…, V), each of which stands for hidden values, x_i·vectors_i + bias_i. A linear map of all of them is
// one of the columns themselves, so that the V·hidden values need not be made.
type embedded struct{ columns, vectors, bias *Tensor } // (…, V), (V, hidden), (V, hidden)

func (e embedded) width() int { return e.vectors.Len() }

func (e embedded) whole() *Tensor {
	V, hidden := e.vectors.Shape[0], e.vectors.Shape[1]
	if V == 1 {
		return e.columns.Linear(e.vectors.Reshape(hidden, 1), e.bias.Reshape(hidden), Identity)
	}
	y := e.columns.Unsqueeze(len(e.columns.Shape)).Mul(e.vectors).Add(e.bias) // (…, V, hidden)
	return y.Reshape(withLast(e.columns.Shape, V*hidden)...)
}

func (e embedded) through(w, b *Tensor) *Tensor {
	V, hidden, out := e.vectors.Shape[0], e.vectors.Shape[1], w.Shape[0]
	m := w.Reshape(out, V, hidden).Mul(e.vectors).Sum(2).Reshape(out, V)
	c := e.bias.Reshape(1, V*hidden).Linear(w, b, Identity).Reshape(out)
	return e.columns.Linear(m, c, Identity)
}

func (e embedded) column(i int) embedded {
	return embedded{e.columns.Slice(-1, i, i+1), e.vectors.Slice(0, i, i+1), e.bias.Slice(0, i, i+1)}
}

// steps are those from from to to of columns that are time first.
func (e embedded) steps(from, to int) embedded {
	return embedded{e.columns.Slice(0, from, to), e.vectors, e.bias}
}

// beside are e's columns, then f's.
func (e embedded) beside(f embedded) embedded {
	return embedded{Concat(len(e.columns.Shape)-1, e.columns, f.columns), Concat(0, e.vectors, f.vectors), Concat(0, e.bias, f.bias)}
}
