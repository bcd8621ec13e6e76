package frame

/*
#cgo noescape to_words
#cgo nocallback to_words
#cgo noescape bounds
#cgo nocallback bounds
#cgo noescape pack_words
#cgo nocallback pack_words
#cgo noescape hash_words
#cgo nocallback hash_words
#cgo noescape hash_text
#cgo nocallback hash_text
#cgo noescape hash_wide
#cgo nocallback hash_wide
#include "hash.h"
*/
import "C"

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
)

// wordKind is how the cells of a fixed type of at most 64 bits become words, or -1.
func wordKind(dt arrow.DataType) C.int {
	switch dt.ID() {
	case arrow.BOOL:
		return C.W_BIT
	case arrow.INT8:
		return C.W_I8
	case arrow.INT16:
		return C.W_I16
	case arrow.INT32, arrow.DATE32, arrow.TIME32:
		return C.W_I32
	case arrow.INT64, arrow.DATE64, arrow.TIME64, arrow.TIMESTAMP, arrow.DURATION:
		return C.W_I64
	case arrow.UINT8:
		return C.W_U8
	case arrow.UINT16:
		return C.W_U16
	case arrow.UINT32:
		return C.W_U32
	case arrow.UINT64:
		return C.W_U64
	case arrow.FLOAT32:
		return C.W_F32
	case arrow.FLOAT64:
		return C.W_F64
	}
	return -1
}

// words are the cells of a column as numbers in the cells' order, missing ones arbitrary.
// The caller frees them. ok is false for text and decimals, which have none.
func words(m *Memory, c *column) (w []uint64, ok bool) {
	kind := wordKind(c.typ)
	if kind < 0 {
		return nil, false
	}
	w = alloc[uint64](m, c.n)
	C.to_words(u64(w), unsafe.Pointer(p8(c.data)), C.int64_t(c.bit0), C.int64_t(c.n), kind)
	return w, true
}

func u64(s []uint64) *C.uint64_t { return (*C.uint64_t)(unsafe.SliceData(s)) }
func u32(s []uint32) *C.uint32_t { return (*C.uint32_t)(unsafe.SliceData(s)) }
func i64(s []int64) *C.int64_t   { return (*C.int64_t)(unsafe.SliceData(s)) }

// keyColumns are the named columns of a table, as memory.
func keyColumns(t *Table, names []string) ([]column, error) {
	cols := make([]column, len(names))
	for i, n := range names {
		k, err := t.index(n)
		if err != nil {
			return nil, err
		}
		cols[i] = see(t.Record().Column(k))
	}
	return cols, nil
}

// hashes gives each row of n a hash of its key cells, the same on all ranks and for
// both sides of a join; missing cells are equal to each other. The caller frees it.
func hashes(m *Memory, cols []column, n int) []uint64 {
	h := alloc[uint64](m, n)
	for i := range cols {
		mixIn(m, h, &cols[i])
	}
	return h
}

func mixIn(m *Memory, h []uint64, c *column) {
	n, bit0, valid := C.int64_t(c.n), C.int64_t(c.bit0), p8(c.valid)
	if w, ok := words(m, c); ok {
		C.hash_words(u64(h), u64(w), valid, bit0, n)
		free(m, w)
	} else if c.layout == textCells {
		C.hash_text(u64(h), p64(c.off), p8(c.text), valid, bit0, n)
	} else {
		C.hash_wide(u64(h), (*C.uint64_t)(unsafe.Pointer(p8(c.data))), valid, bit0, n)
	}
}

// codes are one number for each row of some sides with the same key columns: rows with
// equal keys have equal codes. If exact, others have different ones; else they are
// hashes, and what they say must be checked with [equalKeys].
type codes struct {
	of    [][]uint64 // by side
	exact bool
	own   bool // of is to be freed
}

func (k *codes) free(m *Memory) {
	for _, w := range k.of {
		if k.own {
			free(m, w)
		}
	}
}

// encode makes the codes. Missing cells count as a value of their own.
func encode(m *Memory, sides ...[]column) *codes {
	if c := &sides[0][0]; len(sides[0]) == 1 && noNullsIn(sides, 0) && (c.typ.ID() == arrow.INT64 || c.typ.ID() == arrow.UINT64 || c.typ.ID() == arrow.TIMESTAMP) {
		k := &codes{exact: true}
		for _, s := range sides {
			k.of = append(k.of, values[uint64](&s[0]))
		}
		return k
	}
	k := &codes{own: true}
	if k.pack(m, sides) {
		return k
	}
	for _, s := range sides {
		k.of = append(k.of, hashes(m, s, s[0].n))
	}
	return k
}

func noNullsIn(sides [][]column, i int) bool {
	for _, s := range sides {
		if s[i].nulls > 0 {
			return false
		}
	}
	return true
}

// pack makes exact codes, digits of a number with a base for each column, where that is below 2^64.
func (k *codes) pack(m *Memory, sides [][]column) bool {
	cols := len(sides[0])
	all := make([][][]uint64, len(sides)) // by side and column
	defer func() {
		for _, s := range all {
			for _, w := range s {
				free(m, w)
			}
		}
	}()
	lows, bases := make([]uint64, cols), make([]uint64, cols)
	product := uint64(1)
	for i := range cols {
		lo, hi := uint64(math.MaxUint64), uint64(0)
		for s := range sides {
			c := &sides[s][i]
			w, ok := words(m, c)
			if !ok {
				return false
			}
			all[s] = append(all[s], w)
			C.bounds((*C.uint64_t)(&lo), (*C.uint64_t)(&hi), u64(w), p8(c.valid), C.int64_t(c.bit0), C.int64_t(c.n))
		}
		if lo > hi { // no cell
			lo, hi = 0, 0
		}
		if hi-lo >= math.MaxUint64-2 {
			return false
		}
		lows[i], bases[i] = lo, hi-lo+2
		over, p := bits.Mul64(product, bases[i])
		if over != 0 {
			return false
		}
		product = p
	}
	for s := range sides {
		h := alloc[uint64](m, sides[s][0].n)
		for i := range cols {
			c := &sides[s][i]
			C.pack_words(u64(h), u64(all[s][i]), p8(c.valid), C.int64_t(c.bit0), C.int64_t(c.n), C.uint64_t(lows[i]), C.uint64_t(bases[i]))
		}
		k.of = append(k.of, h)
	}
	k.exact = true
	return true
}

// equalKeys sets same[i] to whether row a[i] of x and row b[i] of y have equal keys; missing
// cells equal each other, as do NaNs.
func equalKeys(same []bool, x []column, a []uint32, y []column, b []uint32) {
	for i := range same {
		same[i] = true
	}
	for k := range x {
		cx, cy := &x[k], &y[k]
		equal := cellsEqual(cx, cy)
		for i := range same {
			if !same[i] {
				continue
			}
			r, s := int(a[i]), int(b[i])
			if nx, ny := cx.isNull(r), cy.isNull(s); nx || ny {
				same[i] = nx && ny
			} else {
				same[i] = equal(r, s)
			}
		}
	}
}

// cellsEqual compares cells of two columns of one type.
func cellsEqual(x, y *column) func(r, s int) bool {
	switch {
	case x.layout == textCells:
		return func(r, s int) bool { return string(x.str(r)) == string(y.str(s)) }
	case x.layout == bitCells:
		return func(r, s int) bool { return x.bit(r) == y.bit(s) }
	case x.typ.ID() == arrow.FLOAT64:
		a, b := values[float64](x), values[float64](y)
		return func(r, s int) bool { return a[r] == b[s] || a[r] != a[r] && b[s] != b[s] }
	case x.typ.ID() == arrow.FLOAT32:
		a, b := values[float32](x), values[float32](y)
		return func(r, s int) bool { return a[r] == b[s] || a[r] != a[r] && b[s] != b[s] }
	}
	w := x.width
	return func(r, s int) bool { return string(x.data[r*w:(r+1)*w]) == string(y.data[s*w:(s+1)*w]) }
}

// sameTypes is an error unless the key columns of two tables have the same types.
func sameTypes(l *Table, on []string, r *Table, with []string) error {
	for i := range on {
		a, err := l.index(on[i])
		if err != nil {
			return fmt.Errorf("left: %w", err)
		}
		b, err := r.index(with[i])
		if err != nil {
			return fmt.Errorf("right: %w", err)
		}
		if x, y := l.schema.Field(a).Type, r.schema.Field(b).Type; !arrow.TypeEqual(x, y) {
			return fmt.Errorf("column %s of the left table is %s, column %s of the right one %s; cast one of them", quote(on[i]), x, quote(with[i]), y)
		}
	}
	return nil
}
