package gpu

import "math"

// A Walk is the axes of a dense result, outermost first, and how far each operand moves along them, in elements: 0 where it is spread. It is
// laid out as the walk of model/elementwise_ops.h.
type Walk struct {
	Axes int64
	Dim  [6]int64
	Move [3][6]int64
}

// Len is the number of elements of the result.
func (w *Walk) Len() int {
	n := 1
	for _, d := range w.Dim[:w.Axes] {
		n *= int(d)
	}
	return n
}

// narrow reports whether n elements and all offsets of their operands fit into 31 bits.
func (w *Walk) narrow(n int) bool {
	most := int64(n)
	for _, move := range w.Move {
		last := int64(1)
		for k, d := range w.Dim[:w.Axes] {
			last += (d - 1) * move[k]
		}
		most = max(most, last)
	}
	return most <= math.MaxInt32
}

// Binary is y = op(a, b) for op of BINARY_OPS in model/elementwise_ops.h, "ADD", where a and b broadcast as operands 0 and 1 of w. y may be
// an operand that is not spread.
func (s *Stream) Binary(op string, y, a, b Ptr, w Walk) error {
	n := w.Len()
	return s.launch("binary_"+op, flat(n), y, a, b, w, int64(n), flag(w.narrow(n)))
}

// Unary is y = op(x) of n elements for op of UNARY_OPS in model/elementwise_ops.h, "TANH", with its constants. y may be x.
func (s *Stream) Unary(op string, y, x Ptr, p, q float32, n int) error {
	return s.launch("unary_"+op, flat(n), y, x, p, q, int64(n))
}

// UnaryGrad is dx = dy · op'(v), where v is y or x, as op's derivative is written. dx may be dy or v.
func (s *Stream) UnaryGrad(op string, dx, v, dy Ptr, p, q float32, n int) error {
	return s.launch("unary_grad_"+op, flat(n), dx, v, dy, p, q, int64(n))
}

// BiasUnary is y = op(y + b) in place, for y (rows, cols) and b (cols), or 0 for none; op's constants are 1.
func (s *Stream) BiasUnary(op string, y, b Ptr, rows, cols int) error {
	n := rows * cols
	return s.launch("bias_"+op, flat(n), y, b, int64(cols), int64(n), narrow(n))
}

// Where is y = c ≠ 0 ? a : b, where c, a and b broadcast as operands 0, 1 and 2 of w.
func (s *Stream) Where(y, c, a, b Ptr, w Walk) error {
	n := w.Len()
	return s.launch("where", flat(n), y, c, a, b, w, int64(n), flag(w.narrow(n)))
}

// Fill is y = c, n elements.
func (s *Stream) Fill(y Ptr, c float32, n int) error {
	return s.launch("fill", flat(n), y, c, int64(n))
}
