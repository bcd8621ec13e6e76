package frame

/*
#cgo noescape group_part
#cgo nocallback group_part
#include "hash.h"
#include "join.h"
*/
import "C"

import (
	"math/bits"
)

// grouping says which rows have equal keys.
type grouping struct {
	m     *Memory
	id    []uint32 // group of each position
	row   []uint32 // row at each position; nil: position i is row i
	first []uint32 // first row of each group
	space []uint32 // first, to be freed
}

func (g *grouping) free() {
	free(g.m, g.id)
	free(g.m, g.space)
	free(g.m, g.row)
}

// groupRows groups rows by their key cells; missing cells are equal. Groups have no particular order.
func groupRows(m *Memory, cols []column) *grouping {
	k := encode(m, cols)
	defer k.free(m)
	for {
		g := groupCodes(m, k.of[0])
		if k.exact || g.holds(cols) {
			return g
		}
		g.free() // two keys of one hash: choose others
		for i, x := range k.of[0] {
			k.of[0][i] = bits.RotateLeft64(x, 1) * 0xD6E8FEB86659FD93
		}
		for i := range cols {
			mixIn(m, k.of[0], &cols[i])
		}
	}
}

// holds reports whether the rows of each group have equal keys.
func (g *grouping) holds(cols []column) bool {
	const piece = 1 << 16
	same, a, b := make([]bool, piece), make([]uint32, piece), make([]uint32, piece)
	for lo := 0; lo < len(g.id); lo += piece {
		n := min(piece, len(g.id)-lo)
		for i := range n {
			a[i] = g.rowAt(lo + i)
			b[i] = g.first[g.id[lo+i]]
		}
		equalKeys(same[:n], cols, a, cols, b)
		for _, ok := range same[:n] {
			if !ok {
				return false
			}
		}
	}
	return true
}

func (g *grouping) rowAt(i int) uint32 {
	if g.row == nil {
		return uint32(i)
	}
	return g.row[i]
}

// groupCodes groups rows by code, part by part, so that a part's groups stay in cache.
func groupCodes(m *Memory, code []uint64) *grouping {
	groups := distinct(code)
	used := partBits(groups)
	s := split(m, code, nil, used)
	g := &grouping{m: m, id: alloc[uint32](m, len(code)), row: s.row, space: alloc[uint32](m, len(code))}
	slots := bits.Len(uint(groups>>used)) + 1
	slot, slotCode := alloc[uint32](m, 1<<slots), alloc[uint64](m, 1<<slots)
	n := 0
	for p := range len(s.start) - 1 {
		c, r := s.part(p)
		lo := int(s.start[p])
		for len(c) > 0 {
			found := int(C.group_part(u32(g.id[lo:]), u32(g.space), C.int64_t(n), u64(c), u32(r), C.int64_t(len(c)),
				u32(slot), u64(slotCode), C.int(used), C.int(slots)))
			if found >= 0 {
				n += found
				break
			}
			free(m, slot)
			free(m, slotCode)
			slots++
			slot, slotCode = alloc[uint32](m, 1<<slots), alloc[uint64](m, 1<<slots)
		}
	}
	free(m, slot)
	free(m, slotCode)
	if s.own {
		free(m, s.code)
	}
	g.first = g.space[:n]
	return g
}

// distinct estimates the number of different codes from a sample; it is too high rather than too low.
func distinct(code []uint64) int {
	const most = 1 << 15
	n := len(code)
	if n <= most {
		return n
	}
	seen := make(map[uint64]struct{}, most)
	for i := range most {
		seen[code[i*(n/most)]] = struct{}{}
	}
	if d := len(seen); d < most/4 {
		return 2 * d // nearly all are in the sample
	}
	return n
}
