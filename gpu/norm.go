package gpu

// Softmax is e^x / Σ e^x along rows of n elements. y may be x.
func (s *Stream) Softmax(y, x Ptr, rows, n int) error {
	return s.launch("softmax", byRows(rows, n), y, x, int64(rows), int64(n))
}

// SoftmaxGrad is dx = y (dy − Σ y·dy), with y of Softmax. dx may be dy.
func (s *Stream) SoftmaxGrad(dx, y, dy Ptr, rows, n int) error {
	return s.launch("softmax_grad", byRows(rows, n), dx, y, dy, int64(rows), int64(n))
}

// LogSoftmax is x − ln Σ e^x along rows of n elements. y may be x.
func (s *Stream) LogSoftmax(y, x Ptr, rows, n int) error {
	return s.launch("log_softmax", byRows(rows, n), y, x, int64(rows), int64(n))
}

// LogSoftmaxGrad is dx = dy − e^y Σ dy, with y of LogSoftmax. dx may be dy.
func (s *Stream) LogSoftmaxGrad(dx, y, dy Ptr, rows, n int) error {
	return s.launch("log_softmax_grad", byRows(rows, n), dx, y, dy, int64(rows), int64(n))
}

// Moments is {mean, 1/√(variance + eps)} of each row of n elements, (rows, 2), with the variance of a population.
func (s *Stream) Moments(stats, x Ptr, eps float32, rows, n int) error {
	return s.launch("moments", byRows(rows, n), stats, x, eps, int64(rows), int64(n))
}

// LayerNorm is x̂·w + b along rows of n elements, x̂ = (x − mean)/√(variance + eps) by stats of Moments; w and b (n), or both 0. y may be x.
func (s *Stream) LayerNorm(y, x, stats, w, b Ptr, rows, n int) error {
	return s.launch("layer_norm", byRows(rows, n), y, x, stats, w, b, int64(rows), int64(n))
}

// LayerNormGrad is the gradient of LayerNorm in x, through stats, too. dx may be dy.
func (s *Stream) LayerNormGrad(dx, x, stats, w, dy Ptr, rows, n int) error {
	return s.launch("layer_norm_grad", byRows(rows, n), dx, x, stats, w, dy, int64(rows), int64(n))
}
