package collective

// #include "combine.h"
import "C"

import "fmt"

// reduceBlock is the number of elements combined over all ranks before the next
// ones, so that the running result stays in the first-level cache.
const reduceBlock = 2048

// reduceRange combines elements lo..hi of the slots' buffers in rank order and
// writes the result to all of them. Only elements lo..hi are read or written.
func reduceRange(slots []slot, lo, hi int) {
	op := Op(slots[0].how)
	for ; lo < hi; lo += reduceBlock {
		end := min(lo+reduceBlock, hi)
		acc := slots[0].buf.slice(lo, end)
		if len(slots) == 1 {
			alone(acc, op)
		}
		for r := 1; r < len(slots); r++ {
			combine(acc, slots[r].buf.slice(lo, end), op)
		}
		for r := 1; r < len(slots); r++ {
			copy(slots[r].buf.slice(lo, end).Bytes(), acc.Bytes())
		}
	}
}

// alone makes b the combination of one rank's values: And and Or give 0 or 1, all others the values.
func alone(b Buf, op Op) {
	if op != And && op != Or {
		return
	}
	zeros := Buf{Of(make([]float64, reduceBlock)).Ptr, reduceBlock, b.Type}
	for lo := 0; lo < b.N; lo += reduceBlock {
		part := b.slice(lo, min(lo+reduceBlock, b.N))
		combine(part, zeros.slice(0, part.N), Or)
	}
}

// combine sets acc[i] to acc[i] op x[i]; they do not overlap.
func combine(acc, x Buf, op Op) {
	if acc.N > 0 {
		C.deeprc_combine(acc.Ptr, x.Ptr, C.int64_t(acc.N), C.int(acc.Type), C.int(op))
	}
}

// checkOp panics unless op is one of the constants and defined for type t.
func checkOp(op Op, t Type) {
	if op >= numOps {
		panic(fmt.Sprintf("collective: there is no operation %d", op))
	}
	if (op == BitAnd || op == BitOr) && (t == F32 || t == F64) {
		panic(fmt.Sprintf("collective: %v of %v: bitwise operations are for integers", op, t))
	}
}
