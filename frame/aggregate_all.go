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
	if err := collective.Agree(c, wrap("aggregate", err)); err != nil {
		return nil, err
	}
	var arrays []arrow.Array
	for i, g := range aggs {
		var a arrow.Array
		if columns[i] >= 0 {
			a = t.Record().Column(columns[i])
		}
		out, err := aggregateAll(c, t, a, g)
		if err != nil {
			for _, a := range arrays {
				a.Release()
			}
			return nil, wrap("aggregate", err)
		}
		arrays = append(arrays, out)
	}
	return newTable(t.mem, fields, arrays, 1), nil
}

// bindAll finds the columns of aggregates, and the fields of their results, whose names must differ.
func bindAll(t *Table, aggs []Agg) (columns []int, fields []arrow.Field, err error) {
	if len(aggs) == 0 {
		return nil, nil, fmt.Errorf("no aggregate is given")
	}
	names := map[string]bool{}
	for i := range aggs {
		k, f, err := aggs[i].bind(t)
		if err != nil {
			return nil, nil, err
		}
		if names[f.Name] {
			return nil, nil, twoColumns(f.Name)
		}
		names[f.Name] = true
		columns, fields = append(columns, k), append(fields, f)
	}
	return columns, fields, nil
}

func twoColumns(name string) error {
	return fmt.Errorf("the result would have two columns %s; choose another name", quote(name))
}

// aggregateAll is one cell, the same on every rank; a is nil for a count of rows. An error is
// the same on all ranks. Collective.
func aggregateAll(c collective.Comm, t *Table, a arrow.Array, g Agg) (arrow.Array, error) {
	m := t.mem
	switch g.Func {
	case "min", "max", "first", "last":
		return pickAll(c, t, a, g.Func)
	case "distinct":
		n, err := distinctAll(c, t, a)
		return intCell(m, n, true, err)
	}
	n := int64(t.rows)
	if a != nil {
		n = int64(a.Len() - a.NullN())
	}
	n, err := collective.AllReduceOne(c, n, collective.Sum)
	if err != nil || g.Func == "count" {
		return intCell(m, n, true, err)
	}
	col := see(a)
	if g.Func == "sum" && !isFloat(col.typ) {
		sum, ok, err := integerSum(c, m, &col)
		if err == nil && !ok {
			err = tooLarge(g.Column)
		}
		return intCell(m, sum, n > 0, err)
	}
	f := presentCells(m, &col, nil)
	defer free(m, f)
	out := newCollector[float64](m, 1)
	switch g.Func {
	case "median", "quantile":
		q, err := quantiles(c, m, f, n, g.q())
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

// presentCells are the cells of numbers that are not missing, of the rows that fitted picks (nil: all). The
// caller frees them.
func presentCells(m *Memory, c *column, fitted func(row int) bool) []float64 {
	f := floats(m, c)
	if c.valid == nil && fitted == nil {
		return f
	}
	k := 0
	for i, x := range f {
		if !c.isNull(i) && (fitted == nil || fitted(i)) {
			f[k] = x
			k++
		}
	}
	return f[:k]
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

// integerSum is the sum of integers or booleans of all ranks, and whether it fits. Digits of 32 bits
// are summed apart, which is exact for less than 2³¹ ranks. Collective.
func integerSum(c collective.Comm, m *Memory, col *column) (int64, bool, error) {
	w := col.integerSum(m)
	digits := []int64{int64(w.lo & math.MaxUint32), int64(w.lo >> 32), int64(w.hi)}
	if err := collective.AllReduce(c, digits, collective.Sum); err != nil {
		return 0, false, err
	}
	middle := digits[1] + digits[0]>>32
	all := wide{uint64(digits[0]&math.MaxUint32) | uint64(middle)<<32, uint64(digits[2] + middle>>32)}
	v, ok := all.int64()
	return v, ok, nil
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
	w := integers(m, c)
	defer free(m, w)
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
	rows := pickRuns(m, a, &c, []int{0, a.Len()}, fn)
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

// distinctRows are rows with the different cells of a, in their order, missing ones apart. The caller frees them.
func distinctRows(m *Memory, a arrow.Array) []uint32 {
	c := see(a)
	order := sortOrder(m, []sortColumn{{column: c}}, c.n)
	same := alloc[bool](m, c.n)
	defer free(m, same)
	if c.n > 0 {
		equalKeys(same[1:], []column{c}, order[:c.n-1], []column{c}, order[1:])
	}
	k := 0
	for i, r := range order {
		if !same[i] && !c.isNull(int(r)) {
			order[k] = r
			k++
		}
	}
	return order[:k]
}
