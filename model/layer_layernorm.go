package model

// layerNormEps is that of torch.nn.LayerNorm.
const layerNormEps = 1e-5

// LayerNorm is [Tensor.LayerNorm] with parameters weight (n), from 1, and bias (n), from 0, as torch.nn.LayerNorm has them.
func LayerNorm(s *Scope, x *Tensor, eps float32) *Tensor { return layerNormBut(s, x, eps, false) }

// layerNormBut is LayerNorm; if still, what follows takes the bias away again, and it stands still: see [BatchNorm].
func layerNormBut(s *Scope, x *Tensor, eps float32, still bool) *Tensor {
	w, b := s.Param("weight", constant(1), x.Last()), s.Param("bias", constant(0), x.Last())
	if still {
		b = b.Still()
	}
	return x.LayerNorm(w, b, eps)
}

// LayerNormOver is LayerNorm over the last n axes together, whose shape its parameters have.
func LayerNormOver(s *Scope, x *Tensor, n int) *Tensor {
	axes := x.Shape[len(x.Shape)-n:]
	size := length(axes)
	w, b := s.Param("weight", constant(1), axes...), s.Param("bias", constant(0), axes...)
	return x.Reshape(x.Len()/size, size).LayerNorm(w.Reshape(size), b.Reshape(size), layerNormEps).Reshape(x.Shape...)
}
