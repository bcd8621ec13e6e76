package frame

import (
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
)

// aggregateRuns gives an aggregate's cell for each run of rows start[i] ≤ row < start[i+1] of
// a column; a run may be empty. a is nil for a count of rows.
func aggregateRuns(m *Memory, a arrow.Array, start []int, g Agg) (arrow.Array, error) {
	n := len(start) - 1
	if a == nil {
		out := newCollector[int64](m, n)
		for i := range n {
			out.put(i, int64(start[i+1]-start[i]))
		}
		return out.array(arrow.PrimitiveTypes.Int64), nil
	}
	c := see(a)
	switch g.Func {
	case "min", "max", "first", "last":
		rows := pickRuns(m, a, &c, start, g.Func)
		defer free(m, rows)
		return take(m, a, rows), nil
	case "count":
		out := newCollector[int64](m, n)
		for i := range n {
			out.put(i, int64(c.present(start[i], start[i+1])))
		}
		return out.array(arrow.PrimitiveTypes.Int64), nil
	case "distinct":
		return distinctRuns(m, a, &c, start), nil
	case "sum":
		if !isFloat(c.typ) {
			return sumRuns(m, &c, start, g.Column)
		}
	}
	f := floats(m, &c)
	defer free(m, f)
	out := newCollector[float64](m, n)
	switch g.Func {
	case "median", "quantile":
		quantileRuns(m, &c, f, start, g.q(), out)
	case "sum", "mean":
		for i := range n {
			var s precise
			k := 0
			for r := start[i]; r < start[i+1]; r++ {
				if !c.isNull(r) {
					s.add(f[r])
					k++
				}
			}
			if k > 0 && g.Func == "sum" {
				out.put(i, s.value())
			} else if k > 0 {
				out.put(i, s.value()/float64(k))
			}
		}
	default:
		for i := range n {
			var s moments
			for r := start[i]; r < start[i+1]; r++ {
				if !c.isNull(r) {
					s.add(f[r])
				}
			}
			if s.n > 1 {
				out.put(i, s.spread(g.Func))
			}
		}
	}
	return out.array(arrow.PrimitiveTypes.Float64), nil
}

// q is the quantile of a median, too.
func (g *Agg) q() float64 {
	if g.Func == "median" {
		return 0.5
	}
	return g.Q
}

// present is the number of cells in rows lo…hi that are not missing.
func (c *column) present(lo, hi int) int {
	if c.valid == nil {
		return hi - lo
	}
	return bitutil.CountSetBits(c.valid, c.bit0+lo, hi-lo)
}

// pickRuns is the row in each run of its least, greatest, first or last cell.
func pickRuns(m *Memory, a arrow.Array, c *column, start []int, fn string) []uint32 {
	rows := alloc[uint32](m, len(start)-1)
	var w []uint64
	if fn == "min" || fn == "max" {
		w = ordered(m, a, c)
		defer free(m, w)
	}
	for i := range rows {
		rows[i] = noRow
		lo, hi := start[i], start[i+1]
		for r := lo; r < hi; r++ {
			if c.isNull(r) {
				continue
			}
			if best := rows[i]; best == noRow || fn == "last" || fn == "min" && w[r] < w[best] || fn == "max" && w[r] > w[best] {
				rows[i] = uint32(r)
			}
			if fn == "first" {
				break
			}
		}
	}
	return rows
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

func distinctRuns(m *Memory, a arrow.Array, c *column, start []int) arrow.Array {
	w := ordered(m, a, c)
	defer free(m, w)
	out := newCollector[int64](m, len(start)-1)
	for i := range out.v {
		part := w[start[i]:start[i]:start[i+1]]
		for r := start[i]; r < start[i+1]; r++ {
			if !c.isNull(r) {
				part = append(part, w[r]) // in place: behind what was read
			}
		}
		slices.Sort(part)
		k := 0
		for j := range part {
			if j == 0 || part[j] != part[j-1] {
				k++
			}
		}
		out.put(i, int64(k))
	}
	return out.array(arrow.PrimitiveTypes.Int64)
}

func quantileRuns(m *Memory, c *column, f []float64, start []int, q float64, out *collector[float64]) {
	longest := 0
	for i := range out.v {
		longest = max(longest, start[i+1]-start[i])
	}
	room := alloc[uint64](m, longest)
	defer free(m, room)
	for i := range out.v {
		part := room[:0]
		for r := start[i]; r < start[i+1]; r++ {
			if !c.isNull(r) {
				part = append(part, sortable(f[r]))
			}
		}
		if len(part) > 0 {
			slices.Sort(part)
			out.put(i, quantileOf(part, q))
		}
	}
}

// sumRuns sums integers and booleans exactly.
func sumRuns(m *Memory, c *column, start []int, name string) (arrow.Array, error) {
	out := newCollector[int64](m, len(start)-1)
	unsigned := c.typ.ID() == arrow.UINT64
	var w []int64
	if unsigned {
		w = values[int64](c)
	} else {
		w = integers(m, c)
		defer free(m, w)
	}
	for i := range out.v {
		var s wide
		k := 0
		for r := start[i]; r < start[i+1]; r++ {
			switch {
			case c.isNull(r):
				continue
			case unsigned:
				s.addUnsigned(uint64(w[r]))
			default:
				s.add(w[r])
			}
			k++
		}
		if k == 0 {
			continue
		}
		v, ok := s.int64()
		if !ok {
			out.release()
			return nil, tooLarge(name)
		}
		out.put(i, v)
	}
	return out.array(arrow.PrimitiveTypes.Int64), nil
}
