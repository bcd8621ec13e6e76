package gpu

// AdamOptions are the constants of Adam (Kingma and Ba 2015, algorithm 1).
type AdamOptions struct {
	Beta1, Beta2, Eps float32
	Decay             float32 // of weights
	Decoupled         bool    // AdamW (Loshchilov and Hutter 2019); else Decay is added to the gradient (L2)
	Clip              float32 // above 0: gradients whose norm is larger are scaled to it (Pascanu et al. 2013, algorithm 1)
}

// Adam updates n parameters p and their moments m and v in place, with gradients g / count. count (1) and hyper (3), the learning rate and
// both bias corrections 1−β^t, are read on the device, so that a captured graph need not change. norm2 (1) = Σ (g/count)².
func (s *Stream) Adam(norm2, p, g, m, v, count, hyper Ptr, n int, o AdamOptions) error {
	part, each := s.scratch.Ptr, adamPart(n)
	parts := ceil(n, each)
	shape := Shape{Grid: [3]int{parts}, Block: [3]int{threads}}
	one := Shape{Grid: [3]int{1}, Block: [3]int{threads}}
	if o.Clip > 0 {
		if err := s.launch("adam_squares", shape, part, g, count, int64(n), int64(each)); err != nil {
			return err
		}
		if err := s.launch("adam_norm", one, norm2, part, int64(parts)); err != nil {
			return err
		}
	}
	if err := s.launch("adam", shape, part, p, g, m, v, count, hyper, norm2, int64(n), int64(each),
		o.Beta1, o.Beta2, o.Eps, o.Decay, flag(o.Decoupled), o.Clip); err != nil {
		return err
	}
	if o.Clip > 0 { // norm2 is that of the gradients before they were scaled
		return nil
	}
	return s.launch("adam_norm", one, norm2, part, int64(parts))
}

// adamPart is how many elements a block updates: a function of n alone, for the order of addition.
func adamPart(n int) int {
	const least, most = 16 * threads, 1 << 12 // elements; blocks
	return max(least, ceil(ceil(n, most), threads)*threads)
}
