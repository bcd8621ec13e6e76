package model

// univariate is a batch as nets see it that take each channel for a series of
// its own: N = B·C series, those of a window side by side. What belongs to the
// window is the same for all its channels.
type univariate struct {
	Batch
	past, mask *Tensor // (N, L); mask is nil where no value is missing
}

func (b Batch) univariate() univariate {
	u := univariate{Batch: b, past: b.Past.Reshape(b.Past.rows(), b.Past.Last())}
	if b.Mask != nil {
		u.mask = b.Mask.Reshape(u.past.Shape...)
	}
	return u
}

// exogenous are the columns beside the targets, each kind flat: Hist (N, L·X) and Future
// (N, (L+H)·F) step by step, as NeuralForecast lays them out, then Static
// (N, S). over is applied to the rows (B, X, time) before; nil: nothing is.
func (u univariate) exogenous(over func(x *Tensor) *Tensor) (flat []*Tensor) {
	for _, x := range []*Tensor{u.Hist, u.Future} {
		if x == nil {
			continue
		}
		if over != nil {
			x = over(x)
		}
		flat = append(flat, u.perChannel(x.Transpose(1, 2))) // (B, time, X)
	}
	if u.Static != nil {
		flat = append(flat, u.perChannel(u.Static))
	}
	return flat
}

// channels is what a convolution reads of the first T steps: y (N, T), then columns, those of a window (B, X, time) or
// of its series (B, S), nil for none, the same for all channels → (N, columns, T).
func (u univariate) channels(y *Tensor, columns ...*Tensor) *Tensor {
	N, T := y.Shape[0], y.Last()
	x := []*Tensor{y.Unsqueeze(1)}
	for _, c := range columns {
		switch {
		case c == nil:
		case len(c.Shape) == 2:
			x = append(x, u.perChannel(c).Unsqueeze(2).Expand(N, c.Shape[1], T))
		default:
			x = append(x, u.perChannel(c.Slice(2, 0, T)).Reshape(N, c.Shape[1], T))
		}
	}
	if len(x) == 1 {
		return x[0]
	}
	return Concat(1, x...)
}

// perChannel is x (B, …) flat for each channel, (N, …).
func (u univariate) perChannel(x *Tensor) *Tensor {
	B, C, n := x.Shape[0], u.Past.Shape[1], x.Len()/x.Shape[0]
	return x.Reshape(B, 1, n).Expand(B, C, n).Reshape(B*C, n)
}

// forecast is y (N, H·K) as a net's Forward returns it.
func (u univariate) forecast(y *Tensor) *Tensor {
	return y.Reshape(u.Past.Shape[0], u.Past.Shape[1], u.Width())
}

// beside puts tensors (N, …) next to each other.
func beside(x *Tensor, more []*Tensor) *Tensor {
	if len(more) == 0 {
		return x
	}
	return Concat(1, append([]*Tensor{x}, more...)...)
}
