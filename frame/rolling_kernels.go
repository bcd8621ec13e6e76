package frame

import (
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
)

// roll is an aggregate of a over the windows lo[i] ≤ row < hi[i].
// The windows move forward only and stay within the series that start gives.
func roll(m *Memory, a arrow.Array, g *RollingAgg, start []int, lo, hi []uint32) (arrow.Array, error) {
	n := len(lo)
	c := see(a)
	count := alloc[uint32](m, n) // of cells in the window
	defer free(m, count)
	c.rollCount(lo, hi, count)
	need := uint32(max(1, g.MinPeriods))
	switch g.Func {
	case "count":
		out := newCollector[int64](m, n)
		for i, k := range count {
			out.put(i, int64(k))
		}
		return out.array(arrow.PrimitiveTypes.Int64), nil
	case "min", "max", "first", "last":
		rows := alloc[uint32](m, n)
		defer free(m, rows)
		if g.Func == "min" || g.Func == "max" {
			c.rollExtreme(m, a, lo, hi, rows, g.Func == "max")
		} else {
			c.rollEnd(lo, hi, rows, g.Func == "last")
		}
		for i, k := range count {
			if k < need {
				rows[i] = noRow
			}
		}
		return take(m, a, rows), nil
	case "sum":
		if c.typ.ID() == arrow.UINT64 {
			return c.rollUnsigned(m, lo, hi, count, need, g.Column)
		}
		if !isFloat(c.typ) {
			return c.rollIntegers(m, lo, hi, count, need, g.Column)
		}
	}
	f, done := floats(m, &c)
	defer done()
	out := newCollector[float64](m, n)
	switch g.Func {
	case "median", "quantile":
		c.rollQuantile(m, f, start, lo, hi, count, need, g.share(), out)
	case "sum", "mean":
		slide(m, &c, f, lo, hi, func(x float64) precise { return precise{sum: x} }, (*precise).merge, func(i int, s precise) {
			if count[i] < need {
				return
			}
			if g.Func == "sum" {
				out.put(i, s.value())
			} else {
				out.put(i, s.value()/float64(count[i]))
			}
		})
	default:
		need = max(2, need)
		slide(m, &c, f, lo, hi, func(x float64) moments { return moments{n: 1, mean: x} }, (*moments).merge, func(i int, s moments) {
			if count[i] >= need {
				out.put(i, s.spread(g.Func))
			}
		})
	}
	return out.array(arrow.PrimitiveTypes.Float64), nil
}

// rollCount is the number of cells in each window that are not missing.
func (c *column) rollCount(lo, hi, count []uint32) {
	if c.valid == nil {
		for i := range count {
			count[i] = hi[i] - lo[i]
		}
		return
	}
	a, b, k := uint32(0), uint32(0), uint32(0)
	for i := range count {
		for ; b < hi[i]; b++ {
			if !c.isNull(int(b)) {
				k++
			}
		}
		for ; a < lo[i]; a++ {
			if !c.isNull(int(a)) {
				k--
			}
		}
		count[i] = k
	}
}

// rollEnd is the first or last row of each window whose cell is not missing, if it has one.
func (c *column) rollEnd(lo, hi, rows []uint32, last bool) {
	at, next := noRow, uint32(0)
	for i := range rows {
		if last {
			for ; next < hi[i]; next++ {
				if !c.isNull(int(next)) {
					at = next
				}
			}
			rows[i] = at // before lo[i], if the window has none
			continue
		}
		for next = max(next, lo[i]); next < hi[i] && c.isNull(int(next)); next++ {
		}
		rows[i] = next
	}
}

// rollExtreme is the row of the least or greatest cell of each window, the first of equals,
// by a queue of rows that may still become it; Lemire, Nordic J. Computing 13 (2006) 328.
func (c *column) rollExtreme(m *Memory, a arrow.Array, lo, hi, rows []uint32, greatest bool) {
	w := ordered(m, a, c)
	defer free(m, w)
	if greatest {
		for i := range w {
			w[i] = ^w[i]
		}
	}
	queue := alloc[uint32](m, len(w))
	defer free(m, queue)
	head, tail, next := 0, 0, uint32(0)
	for i := range rows {
		for next = max(next, lo[i]); next < hi[i]; next++ {
			if c.isNull(int(next)) {
				continue
			}
			for tail > head && w[queue[tail-1]] > w[next] {
				tail--
			}
			queue[tail] = next
			tail++
		}
		for head < tail && queue[head] < lo[i] {
			head++
		}
		if head < tail {
			rows[i] = queue[head]
		}
	}
}

// ordered are numbers in the order of a column's cells, missing ones arbitrary. The caller frees them.
func ordered(m *Memory, a arrow.Array, c *column) []uint64 {
	if w, ok := words(m, c); ok {
		return w
	}
	order := sortOrder(m, []sortColumn{{column: *c}}, c.n)
	defer free(m, order)
	same := alloc[bool](m, c.n)
	defer free(m, same)
	if c.n > 0 {
		equalKeys(same[1:], []column{*c}, order[:c.n-1], []column{*c}, order[1:])
	}
	w := alloc[uint64](m, c.n)
	k := uint64(0)
	for i, r := range order {
		if !same[i] {
			k++
		}
		w[r] = k
	}
	return w
}

// rollIntegers sums integers and booleans exactly.
func (c *column) rollIntegers(m *Memory, lo, hi, count []uint32, need uint32, name string) (arrow.Array, error) {
	w, done := integers(m, c)
	defer done()
	out := newCollector[int64](m, len(lo))
	var s wide
	a, b := uint32(0), uint32(0)
	for i := range lo {
		for ; b < hi[i]; b++ {
			if !c.isNull(int(b)) {
				s.add(w[b])
			}
		}
		for ; a < lo[i]; a++ {
			if !c.isNull(int(a)) {
				s.sub(w[a])
			}
		}
		if count[i] < need {
			continue
		}
		v, ok := s.int64()
		if !ok {
			out.release()
			return nil, overflow(name)
		}
		out.put(i, v)
	}
	return out.array(arrow.PrimitiveTypes.Int64), nil
}

// rollUnsigned sums uint64.
func (c *column) rollUnsigned(m *Memory, lo, hi, count []uint32, need uint32, name string) (arrow.Array, error) {
	w := values[uint64](c)
	out := newCollector[uint64](m, len(lo))
	var s wide
	a, b := uint32(0), uint32(0)
	for i := range lo {
		for ; b < hi[i]; b++ {
			if !c.isNull(int(b)) {
				s.addUnsigned(w[b])
			}
		}
		for ; a < lo[i]; a++ {
			if !c.isNull(int(a)) {
				s.subUnsigned(w[a])
			}
		}
		if count[i] < need {
			continue
		}
		v, ok := s.uint64()
		if !ok {
			out.release()
			return nil, overflow(name)
		}
		out.put(i, v)
	}
	return out.array(arrow.PrimitiveTypes.Uint64), nil
}

// slide merges the cells of each window and gives the result to put. A window is two parts:
// of the front, which rows leave, back[r] is the merger of rows r…mid-1; the rest grows at
// the end. When the front is used up, the rest becomes the front: each row is merged twice.
func slide[S any](m *Memory, c *column, f []float64, lo, hi []uint32, one func(float64) S, merge func(*S, S), put func(int, S)) {
	back := alloc[S](m, len(f))
	defer free(m, back)
	var rest, none S
	mid, next := uint32(0), uint32(0)
	for i := range lo {
		if lo[i] >= mid {
			mid, next, rest = hi[i], hi[i], none
			var s S
			for r := int(hi[i]) - 1; r >= int(lo[i]); r-- {
				if !c.isNull(r) {
					merge(&s, one(f[r]))
				}
				back[r] = s
			}
		}
		for ; next < hi[i]; next++ {
			if !c.isNull(int(next)) {
				merge(&rest, one(f[next]))
			}
		}
		s := rest
		if lo[i] < mid {
			s = back[lo[i]]
			merge(&s, rest)
		}
		put(i, s)
	}
}

// rollQuantile counts the cells of the window by their rank in the series, in a tree of partial
// counts (Fenwick, Software 24 (1994) 327), and looks up the k-th.
func (c *column) rollQuantile(m *Memory, f []float64, start []int, lo, hi, count []uint32, need uint32, q float64, out *collector[float64]) {
	longest := 0
	for k := range len(start) - 1 {
		longest = max(longest, start[k+1]-start[k])
	}
	key, rank := alloc[uint64](m, longest), alloc[uint32](m, longest)
	order, tree := alloc[uint32](m, longest), alloc[int32](m, longest+1)
	defer free(m, key)
	defer free(m, rank)
	defer free(m, order)
	defer free(m, tree)
	for k := range len(start) - 1 {
		first, n := start[k], start[k+1]-start[k]
		clear(tree[:n+1])
		rows := order[:n]
		for i := range n {
			key[i], rows[i] = sortable(f[first+i]), uint32(i)
		}
		slices.SortFunc(rows, func(a, b uint32) int {
			switch {
			case key[a] < key[b]:
				return -1
			case key[a] > key[b]:
				return 1
			}
			return int(a) - int(b)
		})
		for i, r := range rows {
			rank[r] = uint32(i)
		}
		add := func(r int, d int32) {
			if c.isNull(first + r) {
				return
			}
			for i := int(rank[r]) + 1; i <= n; i += i & -i {
				tree[i] += d
			}
		}
		top := 1 << (bits.Len(uint(n)) - 1)
		kth := func(k int32) float64 { // from 0
			at := 0
			for step := top; step > 0; step >>= 1 {
				if at+step <= n && tree[at+step] <= k {
					at += step
					k -= tree[at]
				}
			}
			return wordFloat(key[rows[at]])
		}
		a, b := 0, 0
		for i := range n {
			for ; b < int(hi[first+i])-first; b++ {
				add(b, 1)
			}
			for ; a < int(lo[first+i])-first; a++ {
				add(a, -1)
			}
			if count[first+i] < need {
				continue
			}
			j, part := quantileAt(int(count[first+i]), q)
			x := kth(int32(j))
			if part > 0 {
				x = between(x, kth(int32(j+1)), part)
			}
			out.put(first+i, x)
		}
	}
}
