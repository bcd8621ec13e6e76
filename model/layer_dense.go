package model

import "math"

// Dense is a linear layer with bias and activation on the last axis: x (…, n) → (…, out),
// parameters weight (out, n) and bias (out), both from U(−1/√n, 1/√n), as
// PyTorch's nn.Linear draws them.
func Dense(s *Scope, x *Tensor, out int, act Activation) *Tensor {
	w, b := denseParams(s, out, x.Last())
	return x.Linear(w, b, act)
}

// denseParams are the parameters of [Dense] from in to out.
func denseParams(s *Scope, out, in int) (w, b *Tensor) {
	init := Uniform(1 / math.Sqrt(float64(in)))
	return s.Param("weight", init, out, in), s.Param("bias", init, out)
}

// denseBut is [Dense] without activation; if still, the bias makes no difference to what is learned, and stands still rather than follow rounding.
func denseBut(s *Scope, x *Tensor, out int, still bool) *Tensor {
	w, b := denseParams(s, out, x.Last())
	if still {
		b = b.Still()
	}
	return x.Linear(w, b, Identity)
}

// GLU is a·σ(b), a and b the halves of a linear map of x (…, n) to twice out (Dauphin et al. 2017, eq. 1): (…, out),
// parameters weight (2·out, n) and bias (2·out) as those of [Dense].
func GLU(s *Scope, x *Tensor, out int) *Tensor {
	w, b := denseParams(s, 2*out, x.Last())
	half := func(from int, act Activation) *Tensor {
		return x.Linear(w.Slice(0, from, from+out), b.Slice(0, from, from+out), act)
	}
	return half(0, Identity).Mul(half(out, Sigmoid))
}
