package frame

/*
#cgo noescape sort_pairs
#cgo nocallback sort_pairs
#cgo noescape pack_order
#cgo nocallback pack_order
#cgo noescape text_codes
#cgo nocallback text_codes
#include "hash.h"
#include "radix.h"
*/
import "C"

import (
	"bytes"
	"cmp"
	"math"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
)

// sortColumn is a column to sort by.
type sortColumn struct {
	column
	desc, nullsFirst bool
}

// level is one number a row in the order of some key columns, or of a piece of a text.
type level struct {
	code []uint64    // of all rows; nil for text, whose codes are made when they are needed
	col  *sortColumn // the text
}

// sorter sorts the rows of one table.
type sorter struct {
	levels []level
	tmpC   []uint64
	tmpR   []uint32
}

// sortOrder is the stable order of n rows. The caller frees it.
func sortOrder(m *Memory, cols []sortColumn, n int) []uint32 {
	levels := levelsOf(m, [][]sortColumn{cols})[0]
	defer freeLevels(m, levels)
	order := ascending(m, n)
	if len(levels) == 1 && levels[0].code != nil && n > 0 { // the codes need not be kept
		tmpC, tmpR := alloc[uint64](m, n), alloc[uint32](m, n)
		defer free(m, tmpC)
		defer free(m, tmpR)
		C.sort_pairs(u64(levels[0].code), u32(order), u64(tmpC), u32(tmpR), C.int64_t(n), 0)
		return order
	}
	orderBy(m, levels, order)
	return order
}

// ascending is the numbers of n rows. The caller frees it.
func ascending(m *Memory, n int) []uint32 {
	rows := alloc[uint32](m, n)
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}

// orderBy sorts rows by the levels; equal ones keep their order.
func orderBy(m *Memory, levels []level, rows []uint32) {
	n := len(rows)
	if len(levels) == 0 || n < 2 {
		return
	}
	s := &sorter{levels: levels, tmpC: alloc[uint64](m, n), tmpR: alloc[uint32](m, n)}
	defer free(m, s.tmpC)
	defer free(m, s.tmpR)
	code := alloc[uint64](m, n)
	defer free(m, code)
	s.sort(rows, code, 0, 0)
}

func freeLevels(m *Memory, levels []level) {
	for _, l := range levels {
		free(m, l.code)
	}
}

// sort orders rows, two or more, which are equal up to level k and, if that is text, in its first 7·depth
// bytes. code has room for their codes. It calls itself only for fewer rows or another level: long texts
// that are equal need no stack.
func (s *sorter) sort(rows []uint32, code []uint64, k, depth int) {
	l := &s.levels[k]
	n := len(rows)
	for {
		l.codes(code, rows, depth)
		C.sort_pairs(u64(code), u32(rows), u64(s.tmpC), u32(s.tmpR), C.int64_t(n), 1)
		if code[0] != code[n-1] || !l.more(code[0]) {
			break
		}
		depth++
		depth += l.common(rows, depth*7) / 7
	}
	if l.col == nil && k+1 == len(s.levels) {
		return
	}
	for lo := 0; lo < n; {
		c := code[lo]
		hi := lo + 1
		for hi < n && code[hi] == c {
			hi++
		}
		if hi-lo > 1 {
			if l.more(c) {
				s.sort(rows[lo:hi], code[lo:hi], k, depth+1)
			} else if k+1 < len(s.levels) {
				s.sort(rows[lo:hi], code[lo:hi], k+1, 0)
			}
		}
		lo = hi
	}
}

// codes are the codes of rows; of a text, of what follows 7·depth bytes, where rows may be nil: all.
func (l *level) codes(to []uint64, rows []uint32, depth int) {
	if l.col == nil {
		for i, r := range rows {
			to[i] = l.code[r]
		}
		return
	}
	c := l.col
	C.text_codes(u64(to), u32(rows), C.int64_t(len(to)), p64(c.off), p8(c.text), p8(c.valid), C.int64_t(c.bit0), C.int64_t(depth), flag(c.desc), flag(c.nullsFirst))
}

// more reports whether texts with this code may differ in what follows.
func (l *level) more(code uint64) bool {
	if l.col == nil || code == 0 || code == math.MaxUint64 {
		return false
	}
	if l.col.desc {
		code = ^code
	}
	return code&0xff == 9
}

// common is the number of bytes from byte at on that are the same in the texts of all rows, none of which is shorter than at.
func (l *level) common(rows []uint32, at int) int {
	first := l.col.str(int(rows[0]))[at:]
	for _, r := range rows[1:] {
		text := l.col.str(int(r))[at:]
		n := min(len(first), len(text))
		if first = first[:n]; string(first) == string(text[:n]) {
			continue
		}
		n = 0
		for first[n] == text[n] {
			n++
		}
		first = first[:n]
	}
	return len(first)
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// levelsOf are the levels of the key columns of some sides that are to be compared with each
// other. Columns of at most 64 bits share a level where their numbers fit one together.
func levelsOf(m *Memory, sides [][]sortColumn) [][]level {
	out := make([][]level, len(sides))
	var product uint64 // of the bases of the present level; 0: there is none
	for i := range sides[0] {
		if sides[0][i].layout == textCells {
			for s := range sides {
				out[s] = append(out[s], level{col: &sides[s][i]})
			}
			product = 0
			continue
		}
		for _, part := range wordsOf(m, sides, i) {
			lo, hi := uint64(math.MaxUint64), uint64(0)
			nulls := uint64(0)
			for s, w := range part {
				c := &sides[s][i]
				C.bounds((*C.uint64_t)(&lo), (*C.uint64_t)(&hi), u64(w), p8(c.valid), C.int64_t(c.bit0), C.int64_t(c.n))
				if c.nulls > 0 {
					nulls = 1
				}
			}
			if lo > hi {
				lo, hi = 0, 0
			}
			if nulls > 0 && hi-lo >= math.MaxUint64-1 { // no number is left for missing cells: they get a level
				for s := range sides {
					c := &sides[s][i]
					code := alloc[uint64](m, c.n)
					C.pack_order(u64(code), u64(code), p8(c.valid), C.int64_t(c.bit0), C.int64_t(c.n), 0, 0, 0, 2, 0, 1, flag(c.nullsFirst))
					out[s] = append(out[s], level{code: code})
				}
				nulls, product = 0, 0
			}
			base := hi - lo + 1 + nulls // 0 is 2^64
			over, p := bits.Mul64(product, base)
			scale := base
			if product == 0 || base == 0 || over != 0 { // a level begins
				scale, p = 0, base
			}
			product = p
			for s, w := range part {
				c := &sides[s][i]
				if scale == 0 {
					out[s] = append(out[s], level{code: w})
				}
				C.pack_order(u64(out[s][len(out[s])-1].code), u64(w), p8(c.valid), C.int64_t(c.bit0), C.int64_t(c.n), C.uint64_t(lo), C.uint64_t(hi), C.uint64_t(scale), C.uint64_t(base), flag(c.desc), C.int(nulls), flag(c.nullsFirst))
				if scale != 0 {
					free(m, w)
				}
			}
		}
	}
	return out
}

// wordsOf are column i of all sides as words in order, by part and side; a decimal has two parts.
func wordsOf(m *Memory, sides [][]sortColumn, i int) [][][]uint64 {
	if sides[0][i].typ.ID() != arrow.DECIMAL128 {
		part := make([][]uint64, len(sides))
		for s := range sides {
			part[s], _ = words(m, &sides[s][i].column)
		}
		return [][][]uint64{part}
	}
	parts := [][][]uint64{make([][]uint64, len(sides)), make([][]uint64, len(sides))}
	for s := range sides {
		c := &sides[s][i]
		high, low := alloc[uint64](m, c.n), alloc[uint64](m, c.n)
		for r, v := range values[decimal128.Num](&c.column) {
			high[r], low[r] = uint64(v.HighBits())^1<<63, v.LowBits()
		}
		parts[0][s], parts[1][s] = high, low
	}
	return parts
}

// compareLevels compares row i of x and row k of y, whose levels were made together.
func compareLevels(x []level, i uint32, y []level, k uint32) int {
	for l := range x {
		d := 0
		if x[l].col == nil {
			d = cmp.Compare(x[l].code[i], y[l].code[k])
		} else {
			d = compareTexts(x[l].col, int(i), y[l].col, int(k))
		}
		if d != 0 {
			return d
		}
	}
	return 0
}

// compareTexts compares row i of a and row k of b, which are text.
func compareTexts(a *sortColumn, i int, b *sortColumn, k int) int {
	if d, missing := compareMissing(a, i, b, k); missing {
		return d
	}
	d := bytes.Compare(a.str(i), b.str(k))
	if a.desc {
		return -d
	}
	return d
}

// compareMissing compares two cells of which at least one is missing.
func compareMissing(a *sortColumn, i int, b *sortColumn, k int) (d int, missing bool) {
	na, nb := a.isNull(i), b.isNull(k)
	switch {
	case na == nb:
		return 0, na
	case na == a.nullsFirst:
		return -1, true
	}
	return 1, true
}

// compareKeys compares row i of x and row k of y, of the same key columns.
func compareKeys(x []sortColumn, i int, y []sortColumn, k int) int {
	for c := range x {
		a, b := &x[c], &y[c]
		d, missing := compareMissing(a, i, b, k)
		if !missing {
			if d = compareCells(&a.column, i, &b.column, k); a.desc {
				d = -d
			}
		}
		if d != 0 {
			return d
		}
	}
	return 0
}

// compareCells compares two cells that are not missing; NaN is above all numbers.
func compareCells(a *column, i int, b *column, k int) int {
	switch a.layout {
	case textCells:
		return bytes.Compare(a.str(i), b.str(k))
	case bitCells:
		return cmp.Compare(flag(a.bit(i)), flag(b.bit(k)))
	}
	if a.typ.ID() == arrow.DECIMAL128 {
		return values[decimal128.Num](a)[i].Cmp(values[decimal128.Num](b)[k])
	}
	var x, y [1]uint64
	one := func(c *column, i int, to []uint64) {
		C.to_words(u64(to), unsafe.Pointer(p8(c.data[i*c.width:])), 0, 1, wordKind(c.typ))
	}
	one(a, i, x[:])
	one(b, k, y[:])
	return cmp.Compare(x[0], y[0])
}
