package frame

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"deeprc/collective"
)

// ScalarAggregate gives aggregates of the whole table: a table of one row, the same on every
// rank. Sums, means and variances are those of exact sums, so that they do not depend on the
// number of ranks; quantiles are exact. Collective.
func ScalarAggregate(c collective.Comm, t *Table, aggs ...Agg) (*Table, error) {
	columns, fields, err := bindAll(t, aggs)
	if err == nil {
		err = fitsRows(t.rows)
	}
	if err := collective.Agree(c, wrap("aggregate", err)); err != nil {
		return nil, err
	}
	var arrays []arrow.Array
	for i, g := range aggs {
		out, err := aggregateAll(c, t, t.Record().Column(columns[i]), g)
		if err != nil {
			for _, a := range arrays {
				a.Release()
			}
			return nil, err
		}
		arrays = append(arrays, out)
	}
	return newTable(t.mem, fields, arrays, 1), nil
}

// bind is the field of a's result, of a column of t.
func (a *Agg) bind(t *Table) (arrow.Field, error) {
	k, err := t.index(a.Column)
	if err != nil {
		return arrow.Field{}, err
	}
	dt, err := aggType(*a, t.schema.Field(k).Type)
	return arrow.Field{Name: a.name(), Type: dt, Nullable: true}, err
}

// share is the quantile that a median or quantile asks for.
func (a *Agg) share() float64 {
	if a.Func == "median" {
		return 0.5
	}
	return a.Q
}

// bindAll finds the columns of aggregates, and the fields of their results, whose names must differ.
func bindAll(t *Table, aggs []Agg) (columns []int, fields []arrow.Field, err error) {
	if len(aggs) == 0 {
		return nil, nil, fmt.Errorf("no aggregate is given")
	}
	names := map[string]bool{}
	for i := range aggs {
		f, err := aggs[i].bind(t)
		if err != nil {
			return nil, nil, err
		}
		k, _ := t.index(aggs[i].Column)
		if names[f.Name] {
			return nil, nil, twoColumns(f.Name)
		}
		names[f.Name] = true
		columns, fields = append(columns, k), append(fields, f)
	}
	return columns, fields, nil
}

func twoColumns(name string) error {
	return fmt.Errorf("two columns of the result would be named %s; choose another name", quote(name))
}

// aggregateAll is an aggregate of a on all ranks, one cell, the same on every rank; so is an error. Collective.
func aggregateAll(c collective.Comm, t *Table, a arrow.Array, g Agg) (arrow.Array, error) {
	m := t.mem
	switch g.Func {
	case "min", "max", "first", "last":
		return pickAll(c, t, a, g.Func)
	case "count_distinct":
		n, err := distinctAll(c, t, a)
		return intCell(m, n, true, err)
	}
	n, err := collective.AllReduceOne(c, int64(a.Len()-a.NullN()), collective.Sum)
	if err != nil || g.Func == "count" {
		return intCell(m, n, true, err)
	}
	col := see(a)
	if g.Func == "sum" && !isFloat(col.typ) {
		sum, err := integerSum(c, m, &col)
		if err != nil {
			return nil, err
		}
		if col.typ.ID() == arrow.UINT64 {
			v, ok := sum.uint64()
			return sumCell(m, col.typ, v, ok, n > 0, g.Column)
		}
		v, ok := sum.int64()
		return sumCell(m, arrow.PrimitiveTypes.Int64, v, ok, n > 0, g.Column)
	}
	f := presentCells(m, &col, nil)
	defer free(m, f)
	out := newCollector[float64](m, 1)
	switch g.Func {
	case "median", "quantile":
		q, err := quantiles(c, m, f, n, g.share())
		if err != nil {
			out.release()
			return nil, err
		}
		if n > 0 {
			out.put(0, q[0])
		}
	default:
		s, err := momentsAll(c, f, g.Func == "var" || g.Func == "std")
		if err != nil {
			out.release()
			return nil, err
		}
		switch {
		case g.Func == "sum" && n > 0:
			out.put(0, s.sum)
		case g.Func == "mean" && n > 0:
			out.put(0, s.mean)
		case n > 1:
			out.put(0, s.spread(g.Func))
		}
	}
	return out.array(arrow.PrimitiveTypes.Float64), nil
}

// intCell is a column of one cell, missing unless set; none if there is an error.
func intCell(m *Memory, v int64, set bool, err error) (arrow.Array, error) {
	if err != nil {
		return nil, err
	}
	out := newCollector[int64](m, 1)
	if set {
		out.put(0, v)
	}
	return out.array(arrow.PrimitiveTypes.Int64), nil
}

// sumCell is a sum; ok is false where it does not fit.
func sumCell[T int64 | uint64](m *Memory, dt arrow.DataType, v T, ok, set bool, column string) (arrow.Array, error) {
	if !ok {
		return nil, wrap("aggregate", overflow(column))
	}
	out := newCollector[T](m, 1)
	if set {
		out.put(0, v)
	}
	return out.array(dt), nil
}

// presentCells are the cells of numbers that are not missing, of the rows that fitted picks (nil: all). The
// caller frees them.
func presentCells(m *Memory, c *column, fitted func(row int) bool) []float64 {
	f, done := floats(m, c)
	defer done()
	out := alloc[float64](m, c.n)[:0]
	for i, x := range f {
		if !c.isNull(i) && (fitted == nil || fitted(i)) {
			out = append(out, x)
		}
	}
	return out
}

// exactMoments are moments whose sums are exact before they are rounded, once.
type exactMoments struct {
	moments
	sum float64
}

// momentsAll are the moments of the cells of all ranks, the squared deviations only if spread. Collective.
func momentsAll(c collective.Comm, f []float64, spread bool) (exactMoments, error) {
	var s exactMoments
	sums := make([]collective.ExactSum, 1)
	for _, x := range f {
		sums[0].Add(x)
	}
	n, err := collective.AllReduceOne(c, int64(len(f)), collective.Sum)
	if err != nil {
		return s, err
	}
	if err := collective.AllReduceExact(c, sums); err != nil {
		return s, err
	}
	s.n, s.sum = float64(n), sums[0].Float64()
	s.mean = s.sum / s.n
	if !spread {
		return s, nil
	}
	sums[0] = collective.ExactSum{}
	for _, x := range f {
		sums[0].Add((x - s.mean) * (x - s.mean))
	}
	if err := collective.AllReduceExact(c, sums); err != nil {
		return s, err
	}
	s.m2 = sums[0].Float64()
	return s, nil
}

// integerSum is the sum of integers or booleans of all ranks. Digits of 32 bits
// are summed apart, which is exact for less than 2³¹ ranks. Collective.
func integerSum(c collective.Comm, m *Memory, col *column) (wide, error) {
	w := col.integerSum(m)
	digits := []int64{int64(w.lo & math.MaxUint32), int64(w.lo >> 32), int64(w.hi)}
	if err := collective.AllReduce(c, digits, collective.Sum); err != nil {
		return wide{}, err
	}
	middle := digits[1] + digits[0]>>32
	return wide{uint64(digits[0]&math.MaxUint32) | uint64(middle)<<32, uint64(digits[2] + middle>>32)}, nil
}

func (c *column) integerSum(m *Memory) wide {
	var s wide
	if c.typ.ID() == arrow.UINT64 {
		for i, x := range values[uint64](c) {
			if !c.isNull(i) {
				s.addUnsigned(x)
			}
		}
		return s
	}
	w, done := integers(m, c)
	defer done()
	for i, x := range w {
		if !c.isNull(i) {
			s.add(x)
		}
	}
	return s
}

// pickAll is the least, greatest, first or last cell of the whole table. Collective.
func pickAll(c collective.Comm, t *Table, a arrow.Array, fn string) (arrow.Array, error) {
	best := pickOne(t.mem, a, fn)
	f := []arrow.Field{{Name: fn, Type: a.DataType(), Nullable: true}}
	mine := newTable(t.mem, f, []arrow.Array{best}, 1)
	defer mine.Release()
	all, err := Replicate(c, mine)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	return pickOne(t.mem, all.Record().Column(0), fn), nil
}

// pickOne is the least, greatest, first or last cell of a, missing where a has none.
func pickOne(m *Memory, a arrow.Array, fn string) arrow.Array {
	c := see(a)
	all := groupRuns(m, []int{0, c.n})
	defer all.free()
	g := all.over(c)
	defer g.done()
	rows := g.choose(fn)
	defer free(m, rows)
	return take(m, a, rows)
}

// distinctAll is the number of different cells of the whole table, missing ones apart. Each rank sends
// each of its cells once. Collective.
func distinctAll(c collective.Comm, t *Table, a arrow.Array) (int64, error) {
	f := []arrow.Field{{Name: "cell", Type: a.DataType(), Nullable: true}}
	rows := distinctRows(t.mem, a)
	mine := newTable(t.mem, f, []arrow.Array{take(t.mem, a, rows)}, len(rows))
	free(t.mem, rows)
	defer mine.Release()
	parts, err := PartitionBy(c, mine, "cell")
	if err != nil {
		return 0, err
	}
	defer parts.Release()
	rows = distinctRows(t.mem, parts.Record().Column(0))
	n := int64(len(rows))
	free(t.mem, rows)
	return collective.AllReduceOne(c, n, collective.Sum)
}

// distinctRows are rows with the different cells of a, in no particular order, missing ones apart. The caller frees them.
func distinctRows(m *Memory, a arrow.Array) []uint32 {
	c := see(a)
	g := groupRows(m, []column{c})
	defer g.free()
	rows := alloc[uint32](m, len(g.first))[:0]
	for _, r := range g.first {
		if !c.isNull(int(r)) {
			rows = append(rows, r)
		}
	}
	return rows
}
