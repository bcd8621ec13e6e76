package model

// revINEps is what NeuralForecast adds to a variance.
const revINEps = 1e-5

// A selfScaled net normalises the windows that it sees itself, each channel by its own past.
type selfScaled interface {
	Net
	// scalesBack is the key of the option that says so; "" where the net does not.
	scalesBack() string
	// normalised records the forecast (B, C, H·K) as the net makes it, and the way back, nil for none.
	normalised(s *Scope, b Batch) (y *Tensor, back *windowScale)
}

// ScalesBack is the key of the option by which n normalises windows, and scales its forecast back; "" where it does not.
func ScalesBack(n Net) string {
	if s, ok := n.(selfScaled); ok {
		return s.scalesBack()
	}
	return ""
}

// scaledBack is Forward of a selfScaled net: values. What its outputs are the parameters of, only [Scaled] can scale back.
func scaledBack(n selfScaled, s *Scope, b Batch) *Tensor {
	y, back := n.normalised(s, b)
	if back == nil {
		return y
	}
	if b.Loss.isDistribution() {
		badBuild("%T with loss %s: wrap it in Scaled, which knows parameters from values", n, b.Loss.Kind)
	}
	return back.undo(y)
}

// reversible is ẑ = γ(x − m)/√(variance + ε) + β along the last axis of x (B, C, n), data, and the way back (Kim et al., Reversible Instance
// Normalization, ICLR 2022, §3.1): m is the mean, or the last value. Unlike the scaler of [Scaled], it is part of a net. The parameters
// weight γ and bias β are of shape, with an element for each channel or one for all; nil: there are none. As in NeuralForecast's RevIN,
// the way back divides by γ + ε², so that no γ makes it divide by 0.
func reversible(s *Scope, x *Tensor, last bool, shape ...int) (*Tensor, *windowScale) {
	z, stats := x.standardise(revINEps)
	B, C, n := x.Shape[0], x.Shape[1], x.Shape[2]
	shift, inverse := stats.Slice(1, 0, 1).Reshape(B, C, 1), stats.Slice(1, 1, 2).Reshape(B, C, 1)
	if last {
		shift = x.Slice(2, n-1, n)
		z = x.Sub(shift).Mul(inverse)
	}
	scale := x.g.Const(1, B, C, 1).Div(inverse)
	if shape == nil {
		return z, &windowScale{shift: shift, scale: scale}
	}
	γ, β := s.Param("weight", constant(1), shape...), s.Param("bias", constant(0), shape...)
	γ, β = γ.Reshape(γ.Len(), 1), β.Reshape(β.Len(), 1)
	scale = scale.Div(γ.Shift(revINEps * revINEps))
	return z.Mul(γ).Add(β), &windowScale{shift: shift.Sub(β.Mul(scale)), scale: scale}
}
