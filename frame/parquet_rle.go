package frame

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow/bitutil"
)

// hybrid reads numbers of a fixed number of bits in runs, each of one repeated number or
// of bit-packed ones:
// https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE
type hybrid struct {
	b      []byte
	width  int
	same   int    // numbers left of a run of value
	value  uint32 //
	packed int    // numbers left of a bit-packed run
	bit    int    // where the next of them begins in b
}

func newHybrid(b []byte, width int) *hybrid {
	if width < 0 || width > 32 {
		panic(corrupt("an impossible number of bits"))
	}
	return &hybrid{b: b, width: width}
}

// run starts the next run; b begins with its head.
func (h *hybrid) run() {
	v, n := binary.Uvarint(h.b)
	if n <= 0 || v>>1 == 0 || v>>1 > 1<<31 {
		panic(corrupt("a run of values has no length"))
	}
	h.b = h.b[n:]
	count := int(v >> 1)
	if v&1 == 0 {
		bytes := (h.width + 7) / 8
		need(h.b, 0, bytes)
		h.value = 0
		for i := range bytes {
			h.value |= uint32(h.b[i]) << (8 * i)
		}
		h.same, h.b = count, h.b[bytes:]
		return
	}
	h.packed, h.bit = 8*count, 0
	if have := len(h.b); count*h.width > have { // the last run of a page may be cut
		h.packed = have * 8 / h.width
		if h.packed == 0 {
			panic(corrupt("a page has fewer values than its head says"))
		}
	}
}

// endPacked goes past a bit-packed run.
func (h *hybrid) endPacked() { h.b = h.b[min(len(h.b), (h.bit+7)/8):] }

// read fills dst.
func (h *hybrid) read(dst []uint32) {
	for len(dst) > 0 {
		switch {
		case h.same > 0:
			n := min(h.same, len(dst))
			for i := range dst[:n] {
				dst[i] = h.value
			}
			h.same -= n
			dst = dst[n:]
		case h.packed > 0:
			n := min(h.packed, len(dst))
			h.bit = unpackBits(dst[:n], h.b, h.bit, h.width)
			h.packed -= n
			dst = dst[n:]
			if h.packed == 0 {
				h.endPacked()
			}
		default:
			h.run()
		}
	}
}

// unpackBits reads len(dst) numbers of width bits from bit at of b on; it returns where it ended.
func unpackBits(dst []uint32, b []byte, at, width int) int {
	mask := uint64(1)<<width - 1
	i := 0
	for ; i < len(dst) && at>>3+8 <= len(b); i++ {
		dst[i] = uint32(binary.LittleEndian.Uint64(b[at>>3:]) >> (at & 7) & mask)
		at += width
	}
	for ; i < len(dst); i++ {
		var last [8]byte
		if width > 0 {
			copy(last[:], b[at>>3:])
		}
		dst[i] = uint32(binary.LittleEndian.Uint64(last[:]) >> (at & 7) & mask)
		at += width
	}
	return at
}

// readBits copies n numbers of one bit to the bits of dst from at on, which are 0, and counts the ones.
func (h *hybrid) readBits(dst []byte, at, n int) (ones int) {
	for end := at + n; at < end; {
		switch {
		case h.same > 0:
			k := min(h.same, end-at)
			if h.value&1 != 0 {
				if k <= wordBits {
					setBits(dst, at, 1<<k-1)
				} else {
					bitutil.SetBitsTo(dst, int64(at), int64(k), true)
				}
				ones += k
			}
			h.same -= k
			at += k
		case h.packed > 0:
			k := min(h.packed, end-at)
			for i := 0; i < k; i += wordBits {
				v := bitsFrom(h.b, h.bit+i) & (1<<min(k-i, wordBits) - 1)
				setBits(dst, at+i, v)
				ones += bits.OnesCount64(v)
			}
			h.packed -= k
			h.bit += k
			at += k
			if h.packed == 0 {
				h.endPacked()
			}
		default:
			h.run()
		}
	}
	return ones
}

// wordBits is how many bits eight bytes have, whichever bit of the first they begin at.
const wordBits = 56

// bitsFrom is wordBits of b from bit at on, and perhaps more; those behind its end are 0.
func bitsFrom(b []byte, at int) uint64 {
	b = b[at>>3:]
	if len(b) < 8 {
		var last [8]byte
		copy(last[:], b)
		b = last[:]
	}
	return binary.LittleEndian.Uint64(b) >> (at & 7)
}

// setBits sets those bits of b from at on that v has, at most wordBits.
func setBits(b []byte, at int, v uint64) {
	v <<= at & 7
	if b = b[at>>3:]; len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)|v)
		return
	}
	for i := 0; v != 0; i++ {
		b[i] |= byte(v)
		v >>= 8
	}
}

// spread moves the first of n cells, which are those that valid has, to their places;
// the others become zero. valid's bits begin at bit at.
func spread[T any](cells []T, valid []byte, at, have int) {
	var zero T
	for i := len(cells) - 1; have <= i && i >= 0; i-- {
		if bitutil.BitIsSet(valid, at+i) {
			have--
			cells[i] = cells[have]
		} else {
			cells[i] = zero
		}
	}
}

// spreadOffsets is spread of the ends of text cells: off[0] is where the first begins, and
// a missing cell is empty.
func spreadOffsets(off []int64, valid []byte, at, have int) {
	for i := len(off) - 2; have <= i && i >= 0; i-- {
		off[i+1] = off[have]
		if bitutil.BitIsSet(valid, at+i) {
			have--
		}
	}
}
