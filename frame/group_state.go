package frame

import (
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// state is the parts of the groups of t that have been computed.
type state struct {
	g      *grouping
	t      *Table
	merged bool // t's rows are parts, in columns of their names
	have   map[aggPart]any
}

func (s *state) free() {
	for _, v := range s.have {
		switch v := v.(type) {
		case []int64:
			free(s.t.mem, v)
		case []uint64:
			free(s.t.mem, v)
		case []float64:
			free(s.t.mem, v)
		case []uint32:
			free(s.t.mem, v)
		case []wide:
			free(s.t.mem, v)
		}
	}
}

// column is the cells that part q is computed from.
func (s *state) column(q aggPart) (column, arrow.Array) {
	name := q.column
	if s.merged {
		name = q.name()
	}
	i, err := s.t.index(name)
	if err != nil {
		panic(err)
	}
	a := s.t.Record().Column(i)
	return see(a), a
}

// get computes a part: []int64, []uint64, []wide, []float64, or []uint32 of rows for min, max, first and last.
func (s *state) get(q aggPart) (any, error) {
	if v, ok := s.have[q]; ok {
		return v, nil
	}
	if s.have == nil {
		s.have = map[aggPart]any{}
	}
	c, _ := s.column(q)
	a := s.g.over(c)
	defer a.done()
	var v any
	switch {
	case q.fn == "count" && !s.merged:
		v = a.count()
	case q.fn == "count", q.fn == "sum" && !arrow.IsFloating(c.typ.ID()):
		v = a.sum()
	case q.fn == "sum", q.fn == "sumf":
		v = a.sumFloats()
	case q.fn == "squares":
		var err error
		if v, err = s.squares(q, a); err != nil {
			return nil, err
		}
	default:
		v = a.choose(q.fn)
	}
	s.have[q] = v
	return v, nil
}

// squares is Σ (x − mean)² of each group; of parts, by Chan, Golub and LeVeque 1979: the sum of the
// parts' own and of n·(their mean − mean)².
func (s *state) squares(q aggPart, a *aggregator) ([]float64, error) {
	count, err := s.get(aggPart{q.column, "count"})
	if err != nil {
		return nil, err
	}
	sum, err := s.get(aggPart{q.column, "sumf"})
	if err != nil {
		return nil, err
	}
	m := s.t.mem
	mean := alloc[float64](m, s.groups())
	defer free(m, mean)
	for g, n := range count.([]int64) {
		mean[g] = sum.([]float64)[g] / float64(n)
	}
	if !s.merged {
		return a.squares(mean), nil
	}
	out := a.sumFloats()
	nc, _ := s.column(aggPart{q.column, "count"})
	sc, _ := s.column(aggPart{q.column, "sumf"})
	ns, ss := values[int64](&nc), values[float64](&sc)
	for i, g := range s.g.id {
		k := s.g.rowAt(i)
		if n := float64(ns[k]); n > 0 {
			d := ss[k]/n - mean[g]
			out[g] += n * d * d
		}
	}
	return out, nil
}

func (s *state) groups() int { return len(s.g.first) }

// array is a part as a column, to be merged later.
func (s *state) array(q aggPart) (arrow.Array, error) {
	v, err := s.get(q)
	if err != nil {
		return nil, err
	}
	if q.fn == "sum" { // of whole numbers one type on all ranks, whichever sums leave 64 bits
		v = widened(s.t.mem, v)
		if w, ok := v.([]wide); ok {
			s.have[q] = w
			return arrayOf(s.t.mem, wideType, w, nil), nil
		}
	}
	switch v := v.(type) {
	case []int64:
		return arrayOf(s.t.mem, arrow.PrimitiveTypes.Int64, v, nil), nil
	case []float64:
		return arrayOf(s.t.mem, arrow.PrimitiveTypes.Float64, v, nil), nil
	}
	_, a := s.column(q)
	return take(s.t.mem, a, v.([]uint32)), nil
}

// wideType is the type of a column of partial sums of whole numbers: 128 bits.
var wideType = &arrow.Decimal128Type{Precision: 38}

// widened makes sums of whole numbers 128 bits wide, and frees v then.
func widened(m *Memory, v any) any {
	switch v := v.(type) {
	case []int64:
		defer free(m, v)
		w := alloc[wide](m, len(v))
		for i, x := range v {
			w[i].add(x)
		}
		return w
	case []uint64:
		defer free(m, v)
		w := alloc[wide](m, len(v))
		for i, x := range v {
			w[i].addUnsigned(x)
		}
		return w
	}
	return v
}

// narrow is sums in 64 bits; one that does not fit is an error.
func (s *state) narrow(name string, sums []wide, dt arrow.DataType, some func(g int) bool) (arrow.Array, error) {
	out := alloc[uint64](s.t.mem, len(sums))
	defer free(s.t.mem, out)
	for i := range sums {
		fits := false
		if dt.ID() == arrow.UINT64 {
			_, fits = sums[i].uint64()
		} else {
			_, fits = sums[i].int64()
		}
		if out[i] = sums[i].lo; !fits {
			return nil, overflow(name)
		}
	}
	return arrayOf(s.t.mem, dt, out, some), nil
}

// result is an aggregate as a column of type dt.
func (s *state) result(a Agg, dt arrow.DataType) (arrow.Array, error) {
	m := s.t.mem
	switch a.Func {
	case "count", "min", "max", "first", "last":
		return s.array(aggPart{a.Column, a.Func})
	case "count_distinct":
		return s.distinct(a.Column), nil
	case "median", "quantile":
		q := a.Q
		if a.Func == "median" {
			q = 0.5
		}
		i, _ := s.t.index(a.Column)
		agg := s.g.over(see(s.t.Record().Column(i)))
		defer agg.done()
		v, ok := agg.quantiles(q)
		defer free(m, v)
		return arrayOf(m, arrow.PrimitiveTypes.Float64, v, func(g int) bool { return ok[g] }), nil
	}
	n, err := s.get(aggPart{a.Column, "count"})
	if err != nil {
		return nil, err
	}
	count := n.([]int64)
	some := func(g int) bool { return count[g] > 0 }
	if a.Func == "sum" {
		v, err := s.get(aggPart{a.Column, "sum"})
		if err != nil {
			return nil, err
		}
		switch v := v.(type) {
		case []int64:
			return arrayOf(m, arrow.PrimitiveTypes.Int64, v, some), nil
		case []uint64:
			return arrayOf(m, arrow.PrimitiveTypes.Uint64, v, some), nil
		case []wide:
			return s.narrow(a.Column, v, dt, some)
		default:
			return arrayOf(m, arrow.PrimitiveTypes.Float64, v.([]float64), some), nil
		}
	}
	fn := "squares"
	if a.Func == "mean" {
		fn = "sumf"
	}
	v, err := s.get(aggPart{a.Column, fn})
	if err != nil {
		return nil, err
	}
	out := alloc[float64](m, len(count))
	defer free(m, out)
	for g, n := range count {
		switch a.Func {
		case "mean":
			out[g] = v.([]float64)[g] / float64(n)
		case "var":
			out[g] = v.([]float64)[g] / float64(n-1)
		case "std":
			out[g] = math.Sqrt(v.([]float64)[g] / float64(n-1))
		}
	}
	if a.Func != "mean" {
		some = func(g int) bool { return count[g] > 1 }
	}
	return arrayOf(m, arrow.PrimitiveTypes.Float64, out, some), nil
}

// distinct counts the different cells of each group.
func (s *state) distinct(name string) arrow.Array {
	m := s.t.mem
	i, _ := s.t.index(name)
	c := see(s.t.Record().Column(i))
	ids := alloc[uint32](m, s.t.rows) // by row
	defer free(m, ids)
	for k, g := range s.g.id {
		ids[s.g.rowAt(k)] = g
	}
	group := arrayOf(m, arrow.PrimitiveTypes.Uint32, ids, nil)
	defer group.Release()
	both := groupRows(m, []column{see(group), c})
	defer both.free()
	out := alloc[int64](m, s.groups())
	defer free(m, out)
	for _, r := range both.first {
		if !c.isNull(int(r)) {
			out[ids[r]]++
		}
	}
	return arrayOf(m, arrow.PrimitiveTypes.Int64, out, nil)
}

// arrayOf is a column of the given cells, missing where ok says no; nil means all are there.
func arrayOf[T uint32 | int64 | uint64 | float64 | wide](m *Memory, dt arrow.DataType, cells []T, ok func(i int) bool) arrow.Array {
	n := len(cells)
	var z T
	b := newBuffer(m, n*int(unsafe.Sizeof(z)))
	copy(view[T](b), cells)
	var valid *memory.Buffer
	nulls := 0
	if ok != nil {
		valid = newBuffer(m, int(bitutil.BytesForBits(int64(n))))
		for i := range n {
			if ok(i) {
				bitutil.SetBit(valid.Bytes(), i)
			} else {
				nulls++
			}
		}
	}
	return newArray(dt, n, nulls, valid, b)
}
