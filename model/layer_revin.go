package model

// revINEps is what NeuralForecast adds to a variance.
const revINEps = 1e-5

// revIN is the way back of an instance norm of channels (Kim et al., Reversible Instance Normalization, ICLR 2022, §3.1). Unlike
// [Scaled], it is part of a net, and may have a weight γ and a bias β for each channel.
type revIN struct {
	shift, inverse *Tensor // (B, C, 1)
	γ, β           *Tensor // (C, 1), nil for none
}

// reversible is ẑ = γ(x − mean)/√(variance + ε) + β along the last axis of x (B, C, n), data, and the way back. The
// parameters weight and bias are of shape, with an element for each channel; nil: there are none.
func reversible(s *Scope, x *Tensor, shape ...int) (*Tensor, revIN) {
	z, stats := x.standardise(revINEps)
	B, C := x.Shape[0], x.Shape[1]
	back := revIN{shift: stats.Slice(1, 0, 1).Reshape(B, C, 1), inverse: stats.Slice(1, 1, 2).Reshape(B, C, 1)}
	if shape == nil {
		return z, back
	}
	back.γ = s.Param("weight", constant(1), shape...).Reshape(C, 1)
	back.β = s.Param("bias", constant(0), shape...).Reshape(C, 1)
	return z.Mul(back.γ).Add(back.β), back
}

// undo is (y − β)/γ·√(variance + ε) + mean of y (B, C, n).
func (r revIN) undo(y *Tensor) *Tensor {
	if r.γ == nil {
		return y.Div(r.inverse).Add(r.shift)
	}
	return y.Sub(r.β).Div(r.inverse.Mul(r.γ)).Add(r.shift)
}
