package model

import "math"

// Conv is a convolution with bias along time, taps steps dilation apart: x (N, in, time) → (N, out, time − (taps−1)·dilation),
// parameters weight (out, in, taps) and bias (out), both from U(−1/√(in·taps), 1/√(in·taps)), as PyTorch's nn.Conv1d draws them.
func Conv(s *Scope, x *Tensor, out, taps, dilation int) *Tensor {
	init := Uniform(1 / math.Sqrt(float64(x.Shape[1]*taps)))
	return x.Conv1d(s.Param("weight", init, out, x.Shape[1], taps), s.Param("bias", init, out), dilation, 1)
}

// DenseChannels is [Dense] along the channels of x (N, in, time) → (N, out, time), with its parameters.
func DenseChannels(s *Scope, x *Tensor, out int) *Tensor {
	in := x.Shape[1]
	w, b := denseParams(s, out, in)
	return x.Conv1d(w.Reshape(out, in, 1), b, 1, 1)
}
