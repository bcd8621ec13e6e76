package frame

/*
#cgo noescape join_part
#cgo nocallback join_part
#cgo noescape partition_codes
#cgo nocallback partition_codes
#cgo noescape sort_pairs
#cgo nocallback sort_pairs
#include "hash.h"
#include "join.h"
#include "radix.h"
*/
import "C"

import (
	"math/bits"
	"unsafe"
)

// pairs are the rows of both sides that a join's result has; noRow where there is no partner.
type pairs struct {
	left, right []uint32
	room        int  // of both, to be freed
	ordered     bool // by left row
}

// free gives back what p has room in.
func (p *pairs) free(m *Memory) {
	free(m, p.left[:p.room:p.room])
	free(m, p.right[:p.room:p.room])
}

// grow makes room for n pairs.
func (p *pairs) grow(m *Memory, n int) {
	if n <= p.room {
		return
	}
	k := len(p.left)
	p.left, p.right = realloc(m, p.left[:p.room:p.room], n)[:k], realloc(m, p.right[:p.room:p.room], n)[:k]
	p.room = n
}

// partRows is the number of build rows of a part: its table, 12 bytes a row, and its codes
// stay in a second-level cache of 512 KiB.
const partRows = 16 << 10

// partBits is the number of parts, as a power of 2, of n rows.
func partBits(n int) int {
	if n <= 2*partRows {
		return 0
	}
	return min(bits.Len(uint(n/partRows)), 13)
}

// side is the rows of one side of a join, ordered by part.
type side struct {
	code  []uint64
	row   []uint32 // nil: row i is i
	start []int64
	own   bool
}

// split orders the rows with a whole key by part.
func split(m *Memory, code []uint64, cols []column, partBits int) *side {
	valid, free8 := allValid(m, cols)
	defer free8()
	if partBits == 0 && valid == nil {
		return &side{code: code, start: []int64{0, int64(len(code))}}
	}
	s := &side{code: alloc[uint64](m, len(code)), row: alloc[uint32](m, len(code)), start: make([]int64, 1<<partBits+1), own: true}
	C.partition_codes(u64(s.code), u32(s.row), i64(s.start), u64(code), p8(valid), 0, C.int64_t(len(code)), C.int(partBits))
	return s
}

func (s *side) free(m *Memory) {
	if s.own {
		free(m, s.code)
		free(m, s.row)
	}
}

// part is the codes and rows of part p; rows is nil where row i is i.
func (s *side) part(p int) (code []uint64, row []uint32) {
	lo, hi := s.start[p], s.start[p+1]
	if s.row != nil {
		row = s.row[lo:hi]
	}
	return s.code[lo:hi], row
}

// allValid is the bits, from bit 0 on, of rows without a missing cell; nil where all are, and how to free them.
func allValid(m *Memory, cols []column) ([]byte, func()) {
	var v []byte
	for i := range cols {
		c := &cols[i]
		if c.valid == nil {
			continue
		}
		if v == nil {
			v = alloc[byte](m, (c.n+7)/8)
			for k := range v {
				v[k] = 0xff
			}
		}
		for r := range c.n {
			if c.isNull(r) {
				v[r>>3] &^= 1 << (r & 7)
			}
		}
	}
	return v, func() { free(m, v) }
}

// pairs finds the rows with partners, in the order of the left rows if ordered; else part by part, and within a part
// in the order of the probe side, which is the left one unless that is much smaller.
func (j *joiner) pairs(l, r *Table, ordered bool) (*pairs, error) {
	m := l.mem
	if err := fitsRows(l.rows, r.rows); err != nil {
		return nil, err
	}
	lc, err := keyColumns(l, j.leftOn)
	if err != nil {
		return nil, err
	}
	rc, err := keyColumns(r, j.rigOn)
	if err != nil {
		return nil, err
	}
	k := encode(m, lc, rc)
	defer k.free(m)
	swap := (j.kind == Inner || j.kind == Right) && l.rows*2 < r.rows // build on the left
	build, probe := r.rows, l.rows
	if swap {
		build, probe = probe, build
	}
	n := partBits(build)
	ls, rs := split(m, k.of[0], lc, n), split(m, k.of[1], rc, n)
	defer ls.free(m)
	defer rs.free(m)
	once := j.kind == Semi || j.kind == Anti
	p := &pairs{}
	p.grow(m, max(64, probe))
	if swap {
		p.left, p.right = p.right, p.left
		p.match(m, rs, ls, n, once)
		p.left, p.right = p.right, p.left
	} else {
		p.match(m, ls, rs, n, once)
	}
	switch {
	case k.exact:
	case once:
		p.checkFirst(m, k, lc, rc, rs)
	default:
		p.check(m, lc, rc)
	}
	if p.ordered = n == 0 && !swap; ordered && !p.ordered {
		p.sort(m)
	}
	return p, nil
}

// sort orders the pairs by left row; those of one left row are in the order of the right ones already.
func (p *pairs) sort(m *Memory) {
	n := len(p.left)
	code, tmp, rows := alloc[uint64](m, n), alloc[uint64](m, n), alloc[uint32](m, n)
	defer free(m, code)
	defer free(m, tmp)
	defer free(m, rows)
	convertTo(code, p.left)
	C.sort_pairs(u64(code), u32(p.right), u64(tmp), u32(rows), C.int64_t(n), 1)
	convertTo(p.left, code)
	p.ordered = true
}

// match appends the pairs of equal codes; probe's rows go to left.
func (p *pairs) match(m *Memory, probe, build *side, used int, once bool) {
	most := 0
	for i := range build.start[1:] {
		most = max(most, int(build.start[i+1]-build.start[i]))
	}
	slotBits := max(1, bits.Len(uint(max(1, most))))
	head, next := alloc[uint32](m, 1<<slotBits), alloc[uint32](m, most)
	defer free(m, head)
	defer free(m, next)
	first := C.int(0)
	if once {
		first = 1
	}
	for part := range len(build.start) - 1 {
		bc, br := build.part(part)
		pc, pr := probe.part(part)
		if len(bc) == 0 || len(pc) == 0 {
			continue
		}
		slots := max(1, bits.Len(uint(len(bc))))
		for {
			n := len(p.left)
			found := int(C.join_part(u32(p.left[n:p.room]), u32(p.right[n:p.room]), C.int64_t(p.room-n), u64(pc), u32(pr), C.int64_t(len(pc)),
				u64(bc), u32(br), C.int64_t(len(bc)), u32(head), u32(next), C.int(used), C.int(slots), first))
			if n+found <= p.room {
				p.left, p.right = p.left[:n+found], p.right[:n+found]
				break
			}
			p.grow(m, max(n+found, p.room+p.room/2))
		}
	}
}

// check drops the pairs whose keys differ though their codes do not.
func (p *pairs) check(m *Memory, l, r []column) {
	same := alloc[bool](m, len(p.left))
	defer free(m, same)
	equalKeys(same, l, p.left, r, p.right)
	n := 0
	for i, ok := range same {
		if ok {
			p.left[n], p.right[n] = p.left[i], p.right[i]
			n++
		}
	}
	p.left, p.right = p.left[:n], p.right[:n]
}

// checkFirst is check of pairs that have for each left row the first right one of its code: a row whose key differs
// from that one's gets the next of its code with an equal key, if any. That codes of different keys are equal is rare.
func (p *pairs) checkFirst(m *Memory, k *codes, l, r []column, build *side) {
	same := alloc[bool](m, len(p.left))
	defer free(m, same)
	equalKeys(same, l, p.left, r, p.right)
	one := []bool{false}
	n := 0
	for i, ok := range same {
		row, with := p.left[i], p.right[i]
		for at := 0; !ok && at < len(build.code); at++ {
			if build.code[at] != k.of[0][row] {
				continue
			}
			if with = uint32(at); build.row != nil {
				with = build.row[at]
			}
			equalKeys(one, l, []uint32{row}, r, []uint32{with})
			ok = one[0]
		}
		if ok {
			p.left[n], p.right[n] = row, with
			n++
		}
	}
	p.left, p.right = p.left[:n], p.right[:n]
}

// realloc is s with room for n, the same cells first.
func realloc[T any](m *Memory, s []T, n int) []T {
	var z T
	size := int(unsafe.Sizeof(z))
	if cap(s) == 0 {
		return alloc[T](m, n)
	}
	b := m.Reallocate(n*size, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), cap(s)*size))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
