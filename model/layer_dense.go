package model

import "math"

// Dense is a linear layer with bias and activation on the last axis: x (…, n) → (…, out),
// parameters weight (out, n) and bias (out), both from U(−1/√n, 1/√n), as
// PyTorch's nn.Linear draws them.
func Dense(s *Scope, x *Tensor, out int, act Activation) *Tensor {
	init := Uniform(1 / math.Sqrt(float64(x.Last())))
	return x.Linear(s.Param("weight", init, out, x.Last()), s.Param("bias", init, out), act)
}
