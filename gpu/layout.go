package gpu

// Permute copies x to y, dense over w, of which operand 0 moves through x; a move of 0 repeats. y must not overlap x.
func (s *Stream) Permute(y, x Ptr, w Walk) error {
	n, last := w.Len(), w.Axes-1
	for k := range last {
		if w.Move[0][k] == 1 && w.Dim[k] >= 8 && w.Dim[last] >= 8 && w.Move[0][last] > 1 {
			return s.transpose(y, x, w, int(k))
		}
	}
	return s.launch("permute", flat(n), y, x, w, int64(n), flag(w.narrow(n)))
}

// transpose is Permute where axis `axis` of y is contiguous in x, and the last one is not.
func (s *Stream) transpose(y, x Ptr, w Walk, axis int) error {
	last := int(w.Axes) - 1
	var rest Walk // the other axes: operand 0 in x, operand 1 in y
	stride, far := int64(1), int64(0)
	var strides [6]int64
	for k := last; k >= 0; k-- {
		strides[k] = stride
		stride *= w.Dim[k]
	}
	far = strides[axis]
	for k := range last {
		if k != axis {
			rest.Dim[rest.Axes], rest.Move[0][rest.Axes], rest.Move[1][rest.Axes] = w.Dim[k], w.Move[0][k], strides[k]
			rest.Axes++
		}
	}
	if rest.Axes == 0 {
		rest.Axes, rest.Dim[0] = 1, 1
	}
	const side = 32
	m, n := w.Dim[axis], w.Dim[last]
	tiles := rest.Len() * ceil(int(m), side) * ceil(int(n), side)
	return s.launch("transpose", Shape{Grid: [3]int{min(tiles, waves)}, Block: [3]int{side, threads / side}},
		y, x, m, n, w.Move[0][last], far, rest, int64(tiles))
}
