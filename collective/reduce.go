package collective

// reduceBlock is the number of elements combined over all ranks before the next
// ones, so that the running result stays in the first-level cache.
const reduceBlock = 2048

// reduceRange combines elements lo..hi of the slots' buffers in rank order and
// writes the result to all of them. Only elements lo..hi are read or written.
func reduceRange(slots []slot, lo, hi int) {
	switch slots[0].buf.Type {
	case U8:
		reduceBlocks[uint8](slots, lo, hi)
	case I32:
		reduceBlocks[int32](slots, lo, hi)
	case I64:
		reduceBlocks[int64](slots, lo, hi)
	case F32:
		reduceBlocks[float32](slots, lo, hi)
	case F64:
		reduceBlocks[float64](slots, lo, hi)
	}
}

func reduceBlocks[T Elem](slots []slot, lo, hi int) {
	op := Op(slots[0].how)
	for ; lo < hi; lo += reduceBlock {
		end := min(lo+reduceBlock, hi)
		acc := as[T](slots[0].buf)[lo:end]
		for r := 1; r < len(slots); r++ {
			combine(acc, as[T](slots[r].buf)[lo:end], op)
		}
		for r := 1; r < len(slots); r++ {
			copy(as[T](slots[r].buf)[lo:end], acc)
		}
	}
}

// combine sets acc[i] to acc[i] op x[i]. With a NaN, Min and Max keep either operand.
func combine[T Elem](acc, x []T, op Op) {
	x = x[:len(acc)]
	switch op {
	case Sum:
		for len(acc) >= 8 {
			a, b := acc[:8:8], x[:8:8]
			a[0] += b[0]
			a[1] += b[1]
			a[2] += b[2]
			a[3] += b[3]
			a[4] += b[4]
			a[5] += b[5]
			a[6] += b[6]
			a[7] += b[7]
			acc, x = acc[8:], x[8:]
		}
		for i := range acc {
			acc[i] += x[i]
		}
	case Min:
		for i, v := range x {
			if v < acc[i] {
				acc[i] = v
			}
		}
	case Max:
		for i, v := range x {
			if v > acc[i] {
				acc[i] = v
			}
		}
	}
}
