package model

// #include "elementwise.h"
import "C"

import "slices"

// wantF32 rejects inputs of another type.
func wantF32(what string, xs ...*Tensor) {
	for _, x := range xs {
		if x.Type != F32 {
			badBuild("%s: an input %v is of type %s, want f32", what, x.Shape, x.Type)
		}
	}
}

// broadcast is the shape of the result of operands of these shapes (NumPy, "Broadcasting", general rules).
func broadcast(shapes ...[]int) []int {
	var out []int
	for _, s := range shapes {
		out = slices.Concat(slices.Repeat([]int{1}, max(0, len(s)-len(out))), out)
	}
	for _, s := range shapes {
		for i, d := range s {
			if o := &out[len(out)-len(s)+i]; *o == 1 {
				*o = d
			} else if d != 1 && d != *o {
				badBuild("broadcast: %v do not fit: aligned at their last axes, sizes must be equal or 1", shapes)
			}
		}
	}
	return out
}

// strides are how far a dense operand moves along each axis of a result that it is broadcast to.
func strides(shape, operand []int) []int {
	move := make([]int, len(shape))
	n := 1
	for i := range operand {
		d := operand[len(operand)-1-i]
		if d > 1 {
			move[len(shape)-1-i] = n
		}
		n *= d
	}
	return move
}

// newWalk says how operands of these shapes are spread over a result.
func newWalk(shape []int, operands ...[]int) C.walk {
	var moves [][]int
	for _, s := range operands {
		moves = append(moves, strides(shape, s))
	}
	return mergeAxes(shape, moves)
}

// mergeAxes makes one axis of neighbours that every operand runs through as one.
func mergeAxes(shape []int, moves [][]int) (w C.walk) {
	var dims []int // innermost first
	var by [][]int
	for i := len(shape) - 1; i >= 0; i-- {
		d, m := shape[i], make([]int, len(moves))
		for o := range moves {
			m[o] = moves[o][i]
		}
		if d == 1 {
			continue
		}
		if k := len(dims) - 1; k >= 0 {
			merged := true
			for o := range m {
				merged = merged && m[o] == by[k][o]*dims[k]
			}
			if merged {
				dims[k] *= d
				continue
			}
		}
		dims, by = append(dims, d), append(by, m)
	}
	if len(dims) == 0 {
		dims, by = []int{1}, [][]int{make([]int, len(moves))}
	}
	if len(dims) > C.AXES {
		badBuild("shape %v: more than %d axes that cannot be merged", shape, int(C.AXES))
	}
	w.axes = C.int64_t(len(dims))
	for i := range dims {
		k := len(dims) - 1 - i
		w.dim[k] = C.int64_t(dims[i])
		for o, m := range by[i] {
			w.move[o][k] = C.int64_t(m)
		}
	}
	return w
}

// reduceTo sums x over the axes along which a tensor of that shape was broadcast to x's.
func (x *Tensor) reduceTo(shape []int) *Tensor {
	var axes []int
	extra := len(x.Shape) - len(shape)
	for i, d := range x.Shape {
		if d > 1 && (i < extra || shape[i-extra] == 1) {
			axes = append(axes, i)
		}
	}
	if len(axes) > 0 {
		x = x.Sum(axes...)
	}
	return x.Reshape(shape...)
}
