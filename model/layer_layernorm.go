package model

// layerNormEps is that of torch.nn.LayerNorm.
const layerNormEps = 1e-5

// LayerNormOver is [Tensor.LayerNorm] over the last n axes together, with parameters weight, from 1, and bias, from 0, of their
// shape, as torch.nn.LayerNorm has them.
func LayerNormOver(s *Scope, x *Tensor, n int) *Tensor {
	axes := x.Shape[len(x.Shape)-n:]
	size := length(axes)
	w, b := s.Param("weight", constant(1), axes...), s.Param("bias", constant(0), axes...)
	return x.Reshape(x.Len()/size, size).LayerNorm(w.Reshape(size), b.Reshape(size), layerNormEps).Reshape(x.Shape...)
}
